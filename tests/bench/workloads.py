"""W1–W5 of the targets, over HTTP against a gunicorn pinned to one core, with `synchronous=FULL`.

Each workload checks what it measured: a rate of edits that were lost is worth nothing. They run in order; each uses the records
the ones before left behind.
"""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

import orjson

from tests.bench import raw
from tests.bench.figures import Figure, median
from tests.bench.town import WORDS, BenchTown, Device, reg

BATCH = 200
SHARED = 2000
DEVICES, EDITS = 50, 200
EDITED = ("title", "place", "measure", "owner_unit", "due", "block", "severity", "status")
CHOICES = {"severity": ("general", "major"), "status": ("registered", "rectifying")}


class Workloads:
    """Holds what later workloads build on: the ids and stamps of the records."""

    def __init__(self, town: BenchTown, records: int) -> None:
        self.town = town
        self.records = records
        self.created: dict[str, str] = {}
        self.titles: dict[str, str] = {}
        self.lines: list[bytes] = []
        self.figures: list[Figure] = []
        self.seeder = town.device()

    def add(self, *args: Any, **more: Any) -> None:
        """Keep a figure."""
        self.figures.append(Figure(*args, **more))

    def seed(self) -> float:
        """One author writes all records; seconds it took."""
        bodies = []
        for number in range(self.records):
            rec = self.town.record_id(number)
            self.created[rec] = self.titles[rec] = self.seeder.write(rec, self.town.scope, self.town.hazard_fields(number))
            if len(self.seeder.lines) == BATCH or number == self.records - 1:
                self.lines += self.seeder.lines
                bodies.append(self.seeder.body(scopes=[]))
        start = perf_counter()
        for body in bodies:
            self.seeder.sync(body)
        return perf_counter() - start

    def w1_seed(self) -> None:
        """W1."""
        rate = self.records / self.seed()
        control = raw.insert_rate(self.town.folder, self.lines)
        self.add("W1 seed", rate, "records/s", 19_000, "more", control, "sqlite3 insert, 200 rows per transaction")

    def w2_first_sync(self) -> None:
        """A new handheld loads its station: list of snapshots, then the file."""
        device = self.town.device()
        start = perf_counter()
        device.call("GET", "/api/v1/snapshots")
        build = perf_counter() - start
        times, size = [], 0
        for _ in range(7):
            start = perf_counter()
            device.call("GET", "/api/v1/snapshots")
            size = device.fetch(f"/api/v1/snapshots/{self.town.scope}")
            times.append(perf_counter() - start)
        control = raw.read_rate(self.town.folder / "town.db", self.town.scope)
        share = self.records / 20_000
        self.add("W2 first sync", self.records / median(times), "records/s", 300_000, "more", control, "reading the stored rows")
        self.add("W2 first sync, bytes", size, "B", 1_200_000 * share, "less", sum(map(len, self.lines)), "the ops as sent")
        self.add("W2 snapshot build", build, "s", share, "less", self.records / control, "reading the stored rows")

    def no_op(self) -> None:
        """Nothing to send, nothing new."""
        device = self.town.device()
        device.catch_up()
        times, size = [], 0
        for _ in range(31):
            start = perf_counter()
            _, size = device.call("POST", "/api/v1/sync", device.body())
            times.append((perf_counter() - start) * 1000)
        self.add("no-op sync", median(times), "ms", 5, "less", raw.disk_sync_ms(self.town.folder), "one fsync")
        self.add("no-op sync, bytes", size, "B", 1000, "less")

    def w4_behind(self) -> None:
        """A device 100 records behind."""
        device = self.town.device()
        device.catch_up()
        cursor = device.cursor
        for rec in list(self.created)[:100]:
            self.titles[rec] = self.seeder.write(rec, self.town.scope, {"title": reg(f"{WORDS}改", self.titles[rec])})
        self.seeder.sync(self.seeder.body(scopes=[]))
        times, size, count = [], 0, 0
        for _ in range(31):
            device.cursor = cursor
            body = device.body()
            start = perf_counter()
            answer, size = device.call("POST", "/api/v1/sync", body)
            times.append((perf_counter() - start) * 1000)
            count = len(orjson.loads(answer)["records"])
        if count != 100:
            raise RuntimeError(f"100 behind, {count} came")
        control = raw.newest_ms(self.town.folder / "town.db", self.town.scope, 100)
        self.add("W4 pull 100 behind, p50", median(times), "ms", 2, "less", control, "reading 100 rows by index")
        self.add("W4 pull 100 behind, bytes", size, "B", 6000, "less")

    def w5_again(self) -> None:
        """The answer was lost; the identical batch comes again (P-21)."""
        device = self.town.device()
        for rec in list(self.created)[:BATCH]:
            device.write(rec, self.town.scope, {"note": reg("再查")})
        body = device.body(scopes=[])
        start = perf_counter()
        first = device.sync(body)
        once = (perf_counter() - start) * 1000
        before = self.standing()
        said = [each["v"] for each in first["verdicts"]]
        times, same = [], True
        for _ in range(7):
            start = perf_counter()
            answer = device.sync(body)
            times.append((perf_counter() - start) * 1000)
            same = same and [each.get("was", each["v"]) for each in answer["verdicts"]] == said and answer["acked"] == first["acked"]
        self.add("W5 batch again changes nothing", float(same and before == self.standing()), "1 = yes", 1, "more")
        self.add("W5 batch again", median(times), "ms", 50, "less", once, "the first time")

    def standing(self) -> list[Any]:
        """What a repeated batch must not move."""
        return [self.town.query(f"SELECT COUNT(*), MAX({column}) FROM {table}") for table, column in (("op_log", "id"), ("record", "seq"), ("conflict", "id"))]

    def edit_bodies(self) -> tuple[list[tuple[Device, bytes]], set[tuple[str, str]], list[bytes]]:
        """50 devices edit 2,000 shared records offline: bodies to send, what must be in dispute afterwards, the lines."""
        recs = sorted(self.created)[:SHARED]
        written: dict[tuple[str, str], set[str]] = defaultdict(set)
        pairs, lines, random = [], [], self.town.random
        for _ in range(DEVICES):
            device = self.town.device()
            for rec in random.sample(recs, min(EDITS, len(recs))):
                name = random.choice(EDITED)
                value = random.choice(CHOICES[name]) if name in CHOICES else f"2026-12-{random.randint(1, 28):02d}" if name == "due" else f"{WORDS}{random.randrange(10**6)}"
                written[rec, name].add(value)
                parent = self.titles[rec] if name == "title" else self.created[rec]
                device.write(rec, self.town.scope, {name: reg(value, parent)})
            lines += device.lines
            pairs.append((device, device.body(scopes=[])))
        return pairs, {key for key, values in written.items() if len(values) > 1}, lines

    def w3_edits(self, label: str = "W3", target: float = 15_000, peer: float | None = None) -> float:
        """10,000 offline edits arrive; returns the rate. `peer` replaces the raw control."""
        pairs, expected, lines = self.edit_bodies()
        with ThreadPoolExecutor(4) as pool:
            start = perf_counter()
            list(pool.map(lambda pair: pair[0].sync(pair[1]), pairs))
            rate = len(lines) / (perf_counter() - start)
        if peer is None:
            control, of = raw.edit_rate(self.town.folder, lines, sorted(self.created)[:SHARED]), "sqlite3 log + row, 200 per transaction"
        else:
            control, of = peer, "the same on SQLite"
        self.add(f"{label} offline edits", rate, "edits/s", target, "more", control, of)
        found = {(rec, name) for rec, name in self.town.query("SELECT rec, field FROM conflict WHERE closed_at IS NULL")}
        self.add(f"{label} conflicts found", len(found & expected) / max(1, len(expected)), "share", 1, "more")
        self.add(f"{label} false alarms", len(found - expected), "conflicts", 0, "less")
        stored = self.town.query("SELECT COUNT(*) FROM op_log WHERE verdict = 'quarantined'")[0][0]
        self.add(f"{label} edits set aside", stored, "edits", 0, "less")
        return rate
