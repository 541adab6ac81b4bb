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
from concurrent.futures import ThreadPoolExecutor
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
RAW_LINES, RAW_PHOTOS, PREPARE_AT_ONCE = 20_000, 500, 16


def photo(random: Random) -> bytes:
    """A real JPEG nobody else has, about 10 kB."""
    target = io.BytesIO()
    Image.frombytes("RGB", (SIDE // 4, SIDE // 4), random.randbytes(SIDE * SIDE * 3 // 16)).resize((SIDE, SIDE)).save(target, "JPEG", quality=60)
    return target.getvalue()


def come_back(devices: list[Handheld], spread: float, random: Random) -> tuple[float, float]:
    """All devices deliver, each from a moment of its own within `spread` seconds; gives the seconds until all data and all photos were there."""
    stop, failed = threading.Event(), list[BaseException]()

    def one(device: Handheld, moment: float) -> None:
        try:
            stop.wait(moment)
            device.deliver(stop)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=one, args=(device, random.uniform(0, spread)), daemon=True) for device in devices]
    start = perf_counter()
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        stop.set()
    if failed:
        raise failed[0]
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


def raw_files(folder: Path, photos: list[bytes]) -> float:
    """Files per second of writing the same photos one after the other, each on disk before the next."""
    start = perf_counter()
    for number, photo in enumerate(photos):
        with (folder / f"raw{number}").open("wb") as file:
            file.write(photo)
            file.flush()
            os.fsync(file.fileno())
    return len(photos) / (perf_counter() - start)


def wrong(town: LoadTown, devices: list[Handheld]) -> list[str]:
    """What must not be."""
    found = [why for device in devices for why in device.refused]
    stored = Counter(town.chains())
    held = {(device.dev, n, h) for device in devices for n, h in enumerate(device.hashes, 1)}
    acked = {(device.dev, n, device.hashes[n - 1]) for device in devices for n in range(1, device.acked + 1)}
    problems = {
        "ops were never acknowledged": held - acked,
        "acknowledged ops are not in the log": acked - stored.keys(),
        "ops are in the log that nobody wrote": stored.keys() - held,
        "ops are in the log twice": {key for key, times in stored.items() if times > 1},
    }
    found += [f"{len(keys)} {what}: {sorted(keys)[:3]}" for what, keys in problems.items() if keys]
    photos, files = sum(len(device.photos) for device in devices), town.count("SELECT COUNT(*) FROM stored_file")
    if files != photos:
        found.append(f"{photos} photos were sent, {files} files are complete")
    report = town.verify()
    return found if report.ok else [*found, f"rows differ from the log: {report}"]


def play(town: LoadTown, folder: Path, options: argparse.Namespace, random: Random) -> tuple[list[Figure], list[str]]:
    """The storm and the return; what was measured, and what must not be."""
    devices = town.enrol(options.devices, min(options.stations, options.devices), random.getrandbits(32))
    with ThreadPoolExecutor(PREPARE_AT_ONCE) as pool:
        list(pool.map(lambda device: device.prepare(threading.Event()), devices))
    for device in devices:
        device.fill(options.ops, [photo(device.random) for _ in range(options.photos)])
    before, cpu_before, load_before = town.bytes_on_disk(), town.cpu(), os.getloadavg()[0]
    data_elapsed, elapsed = come_back(devices, options.spread, random)
    cpu = {name: used - cpu_before[name] for name, used in town.cpu().items()}
    # What the image job has not done yet is not in `cpu`: it works on behind the devices' backs.
    undone = town.count("SELECT COUNT(*) FROM job WHERE state <> 'done'")
    ops, photos = sum(device.acked for device in devices), [each for device in devices for each in device.photos]
    lines = [line for device in devices for line in device.lines]
    waited, verdicts = sum((device.waited for device in devices), Counter()), Counter(each for device in devices for each in device.verdicts)
    print(f"\n{len(devices)} devices, {ops} ops, {len(photos)} photos ({sum(map(len, photos)) / 2**20:.0f} MiB) in {elapsed:.0f} s; load before {load_before:.1f}")
    print(f"waited and tried again: {dict(waited)}; verdicts: {dict(verdicts)}; processor seconds: { {name: round(used, 1) for name, used in cpu.items()} }")
    found = wrong(town, devices)
    data, pulled, files = (sorted(getattr(device, name) for device in devices) for name in ("data_seconds", "pulled_seconds", "photo_seconds"))
    at_counter, held = town.counter()
    per_op = 1000 * sum(cpu.values()) / max(ops, 1)
    figures = [
        Figure("refused for good", sum(len(device.refused) for device in devices), "devices", 0, "less"),
        Figure("deadlocks PostgreSQL broke", town.count("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), "", 0, "less"),
        Figure("a device's data there, p95", percentile(data, 0.95), "s", 60, "less", median(data), "p50"),
        Figure("a device's data there, slowest", data[-1], "s", 120, "less", median(data), "p50"),
        Figure("and the others' changes on it, p95", percentile(pulled, 0.95), "s", 60, "less", median(pulled), "p50"),
        Figure("its photos too, p95", percentile(files, 0.95), "s", 300, "less", median(files), "p50"),
        Figure("its photos too, slowest", files[-1], "s", 600, "less", median(files), "p50"),
        Figure("ops stored", ops / data_elapsed, "ops/s", ops / (options.spread + 60), "more", raw_rate(town, lines[:RAW_LINES]), "bare psycopg, 50 a commit"),
        Figure("push and pull", sum(device.trips for device in devices) / data_elapsed, "pairs/s", len(devices) / (options.spread + 60), "more"),
        Figure("counter row waited for, p95", percentile(at_counter, 0.95), "ms", 1000, "less", median(at_counter), "p50"),
        Figure("counter row held, p95", percentile(held, 0.95), "ms", 1000, "less", median(held), "p50"),
        Figure("processor time per op with its share of photos", per_op, "ms", 10, "less", 1000 * cpu["gunicorn"] / max(ops, 1), "of it gunicorn"),
        Figure("memory of the largest worker", max(town.worker_mib()), "MiB", 200, "less"),
        Figure("database grows per op", (town.bytes_on_disk() - before) / max(ops, 1), "B", 3000, "less", sum(map(len, lines)) / max(ops, 1), "the line itself"),
    ]  # fmt: skip
    if photos:
        figures.append(Figure("image jobs still to do when the last device was done", undone, "jobs", len(photos), "less"))
        figures.append(Figure("photos stored", len(photos) / elapsed, "photos/s", 4, "more", raw_files(folder, photos[:RAW_PHOTOS]), "bare files, fsync each"))
    return figures, found


def main(arguments: list[str] | None = None) -> int:
    """Play it, print, write; 1 when something must not be."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--stations", type=int, default=48)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ops", type=int, default=50)
    parser.add_argument("--photos", type=int, default=5)
    parser.add_argument("--spread", type=float, default=60.0, help="seconds within which all return")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    options.seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    print(f"--seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="xunan-load-") as name, load_town(Path(name), options.workers) as town:
        figures, found = play(town, Path(name), options, Random(options.seed))
    print(table(figures))
    machine: dict[str, object] = {"cores": os.cpu_count(), "python": platform.python_version(), "at": datetime.now(UTC).isoformat(timespec="seconds")} | vars(options)
    write(figures, options.out, {key: str(value) for key, value in machine.items()})
    for each in found:
        print(f"WRONG: {each}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
