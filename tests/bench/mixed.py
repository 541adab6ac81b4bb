"""W6: 20 clients that push ten edits and pull, all the time; and whether a cursor ever missed a change (P-26).

Each client edits records of its own, so that nobody waits for a person; everybody pulls everybody's.
"""

from __future__ import annotations

import threading
from time import perf_counter

from tests.bench import raw
from tests.bench.figures import Figure, median, percentile
from tests.bench.town import BenchTown, Device, reg

CLIENTS, PUSH, OWN = 20, 10, 100


class Client:
    """One client's loop and what it saw."""

    def __init__(self, town: BenchTown, recs: list[str]) -> None:
        self.town = town
        self.recs = recs
        self.device: Device = town.device()
        self.device.catch_up()
        self.seen: dict[str, int] = {}
        self.times: list[float] = []
        self.failed: BaseException | None = None

    def work(self, stop: threading.Event) -> None:
        """Until told to stop."""
        base: dict[str, str] = {}
        turn = 0
        try:
            while not stop.is_set():
                for _ in range(PUSH):
                    rec = self.recs[turn % len(self.recs)]
                    base[rec] = self.device.write(rec, self.town.scope, {"note": reg(f"第{turn}次", *([base[rec]] if rec in base else []))})
                    turn += 1
                body = self.device.body()
                start = perf_counter()
                self.take(body)
                self.times.append((perf_counter() - start) * 1000)
        except BaseException as error:
            self.failed = error

    def take(self, body: bytes) -> bool:
        """One round trip; whether there is more."""
        answer = self.device.sync(body)
        self.seen.update((each["id"], each["seq"]) for each in answer["records"])
        return bool(answer["more"])

    def finish(self) -> None:
        """Pull to the end."""
        while self.take(self.device.body()):
            pass


def run(town: BenchTown, records: list[str], line: bytes, seconds: float, label: str = "W6", target: float = 500, peer: float | None = None) -> list[Figure]:
    """The figures. `records` are ids nobody else edits."""
    size = min(OWN, len(records) // CLIENTS)
    clients = [Client(town, records[index * size : (index + 1) * size]) for index in range(CLIENTS)]
    since = town.query("SELECT seq FROM sync_clock")[0][0]
    stop = threading.Event()
    threads = [threading.Thread(target=client.work, args=(stop,)) for client in clients]
    start = perf_counter()
    for thread in threads:
        thread.start()
    stop.wait(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    elapsed = perf_counter() - start
    if failed := next((client.failed for client in clients if client.failed is not None), None):
        raise RuntimeError("a client failed") from failed
    truth = dict(town.query("SELECT id, seq FROM record WHERE seq > ? AND scope = ?", since, town.scope))
    missed = 0
    for client in clients:
        client.finish()
        missed += sum(client.seen.get(rec) != seq for rec, seq in truth.items())
    times = [each for client in clients for each in client.times]
    rate = len(times) / elapsed
    control = raw.commit_rate(town.folder, min(3.0, seconds), line) if peer is None else peer
    return [
        Figure(f"{label} push 10 + pull, 20 clients", rate, "pairs/s", target, "more", control, "sqlite3 commits of 10 rows" if peer is None else "the same on SQLite"),
        Figure(f"{label} changes a cursor missed", missed, "changes", 0, "less"),
        Figure(f"{label} p95", percentile(times, 0.95), "ms", 100, "less", median(times), "p50"),
    ]
