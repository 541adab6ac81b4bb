"""`make load DEVICES=1000`: a typhoon is over, the handhelds return within a minute, each with 50 ops and 5 photos.

Prints one table beside the raw limits of the same run and writes load.json; fails when an op was refused for good, is missing or is there
twice, or when the rows are not the fold of the log.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import secrets
import sys
import tempfile
import threading
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from time import perf_counter

import psycopg
from PIL import Image

from tests.bench.figures import Figure, median, percentile, table, write
from tests.load.handhelds import Handheld
from tests.load.town import LoadTown, load_town

OUT = Path("load.json")
SIDE = 240


def photo(random: Random) -> bytes:
    """A real JPEG nobody else has, about 10 kB."""
    target = io.BytesIO()
    Image.frombytes("RGB", (SIDE // 4, SIDE // 4), random.randbytes(SIDE * SIDE * 3 // 16)).resize((SIDE, SIDE)).save(target, "JPEG", quality=60)
    return target.getvalue()


def come_back(devices: list[Handheld], spread: float, random: Random) -> tuple[float, float]:
    """All devices deliver, each from a moment of its own within `spread` seconds; gives the seconds until all data and all photos were there."""
    stop, start = threading.Event(), perf_counter()

    def one(device: Handheld, moment: float) -> None:
        stop.wait(moment)
        device.deliver(stop)

    threads = [threading.Thread(target=one, args=(device, random.uniform(0, spread)), daemon=True) for device in devices]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        stop.set()
    return max(device.data_at for device in devices) - start, perf_counter() - start


def raw_rate(town: LoadTown, lines: list[bytes]) -> float:
    """Rows per second of bare psycopg writing the same lines, 50 per transaction, on one connection."""
    with psycopg.connect(town.url) as connection:
        connection.execute("CREATE TABLE raw_line (id bigserial PRIMARY KEY, dev text, n bigint, line bytea, UNIQUE (dev, n))")
        connection.commit()
        start = perf_counter()
        with connection.cursor() as cursor:
            for first in range(0, len(lines), 50):
                cursor.executemany("INSERT INTO raw_line (dev, n, line) VALUES ('d', %s, %s)", list(enumerate(lines[first : first + 50], first)))
                connection.commit()
        rate = len(lines) / (perf_counter() - start)
        connection.execute("DROP TABLE raw_line")
        return rate


def wrong(town: LoadTown, devices: list[Handheld]) -> list[str]:
    """What must not be."""
    found = [why for device in devices for why in device.refused]
    held = sum(len(device.lines) for device in devices)
    stored = town.count("SELECT COUNT(*) FROM op_log WHERE device <> 'server'")
    if stored != held:
        found.append(f"{held} ops were written, {stored} are in the log")
    files = town.count("SELECT COUNT(*) FROM stored_file")
    if files != sum(len(device.photos) for device in devices):
        found.append(f"{files} files are complete")
    report = town.verify()
    return found if report.ok else [*found, f"rows differ from the log: {report}"]


def main(arguments: list[str] | None = None) -> int:
    """Play it, print, write; 1 when something must not be."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--stations", type=int, default=48)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--ops", type=int, default=50)
    parser.add_argument("--photos", type=int, default=5)
    parser.add_argument("--spread", type=float, default=60.0, help="seconds within which all return")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    print(f"--seed {seed}", flush=True)
    random = Random(seed)
    with tempfile.TemporaryDirectory(prefix="xunan-load-") as name, load_town(Path(name), options.workers) as town:
        devices, shared = town.enrol(options.devices, min(options.stations, options.devices), seed)
        for device in devices:
            device.fill(options.ops, [photo(device.random) for _ in range(options.photos)], shared[device.scope])
        before, cpu_before = town.count("SELECT pg_database_size(current_database())"), sum(cpu for cpu, _ in town.worker_facts())
        data_elapsed, elapsed = come_back(devices, options.spread, random)
        facts = town.worker_facts()
        ops = sum(device.acked for device in devices)
        grown = town.count("SELECT pg_database_size(current_database())") - before
        bytes_up = sum(len(each) for device in devices for each in device.photos)
        data = [device.data_seconds for device in devices]
        photos = [device.photo_seconds for device in devices]
        found = wrong(town, devices)
        raw = raw_rate(town, [line for device in devices for line in device.lines][:20_000])
        verdicts = Counter(verdict for device in devices for verdict in device.verdicts)
        figures = [
            Figure("refused for good", sum(len(device.refused) for device in devices), "devices", 0, "less"),
            Figure("a device's data there, p95", percentile(data, 0.95), "s", 60, "less", median(data), "p50"),
            Figure("a device's data there, slowest", max(data), "s", 120, "less", median(data), "p50"),
            Figure("its photos too, p95", percentile(photos, 0.95), "s", 300, "less", median(photos), "p50"),
            Figure("ops stored", ops / data_elapsed, "ops/s", ops / (options.spread + 60), "more", raw, "bare psycopg, 50 a commit"),
            Figure("photos stored", sum(len(each.photos) for each in devices) / elapsed, "photos/s", 4, "more"),
            Figure("workers' processor time per op with its share of photos", 1000 * (sum(cpu for cpu, _ in facts) - cpu_before) / max(ops, 1), "ms", 5, "less"),
            Figure("memory of the largest worker", max(mib for _, mib in facts), "MiB", 200, "less"),
            Figure("database grows per op", grown / max(ops, 1), "B", 3000, "less", sum(len(line) for each in devices for line in each.lines) / max(ops, 1), "the line itself"),
        ]  # fmt: skip
        print(f"\n{len(devices)} devices, {ops} ops, {bytes_up / 2**20:.0f} MiB of photos in {elapsed:.0f} s; waited and tried again {sum(each.waited for each in devices)} times")
        print(f"verdicts: {dict(verdicts)}")
        print(table(figures))
        machine: dict[str, object] = {"cores": os.cpu_count(), "python": platform.python_version(), "at": datetime.now(UTC).isoformat(timespec="seconds"), "seed": seed} | vars(options)
        write(figures, options.out, {key: str(value) for key, value in machine.items()})
    for each in found:
        print(f"WRONG: {each}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
