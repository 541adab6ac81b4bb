"""`make bench`: W1–W6 and what else is asked of the server on SQLite, W3 and W6 on PostgreSQL, the handheld's figures, a first sync over a narrow link; a table, and bench.json.

`--records` and `--seconds` make it smaller; `--only server|postgres|browser` runs a part.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import browser, far, further, mixed
from tests.bench.figures import Figure, table, write
from tests.bench.town import BenchTown
from tests.bench.workloads import SHARED, Workloads
from tests.tools.postgres import create_database, running_cluster

OUT = Path("bench.json")


def own_records(work: Workloads) -> list[str]:
    """Ids that W3 leaves alone."""
    return sorted(work.created)[SHARED:] or sorted(work.created)


def on_sqlite(folder: Path, records: int, seconds: float) -> list[Figure]:
    """W1–W6, then the rest."""
    town = BenchTown(folder)
    try:
        work = Workloads(town, records)
        for step in (work.w1_seed, work.w2_first_sync, work.no_op, work.w4_behind, work.w5_again, work.w3_edits):
            print(f"  {step.__name__} …", file=sys.stderr, flush=True)
            step()
        print("  w6_mixed …", file=sys.stderr, flush=True)
        found = work.figures + mixed.run(town, own_records(work), work.lines[0], seconds)
        print("  further …", file=sys.stderr, flush=True)
        return found + further.run(work)
    finally:
        town.close()


def on_postgres(folder: Path, records: int, seconds: float, done: list[Figure]) -> list[Figure]:
    """W3 and W6 with four workers, beside the same on SQLite."""
    rates = {each.name.split(" ")[0]: each.value for each in done if each.unit in ("edits/s", "pairs/s")}
    with running_cluster(durable=True) as postgres:
        town = BenchTown(folder, create_database(postgres.url, "xunan_bench"), workers=4, pinned=False)
        try:
            work = Workloads(town, min(records, 5000))
            print("  postgres: w3_edits, w6_mixed …", file=sys.stderr, flush=True)
            work.seed()
            work.w3_edits("W3 PostgreSQL", 0.7 * rates.get("W3", 0), rates.get("W3", 0))
            found = mixed.run(town, own_records(work), work.lines[0], seconds, "W6 PostgreSQL", 0.7 * rates.get("W6", 0), rates.get("W6", 0))
            return work.figures + found
        finally:
            town.close()


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long W6 runs")
    parser.add_argument("--only", choices=("server", "postgres", "browser"))
    options = parser.parse_args()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="xunan-bench-") as name:
        folder = Path(name)
        if options.only in (None, "server"):
            figures += on_sqlite(folder / "sqlite", options.records, options.seconds)
        if options.only in (None, "postgres"):
            figures += on_postgres(folder / "postgres", options.records, options.seconds, figures)
        if options.only in (None, "browser"):
            print("  handheld …", file=sys.stderr, flush=True)
            figures += browser.run(folder / "browser")
            print("  first sync over a narrow link …", file=sys.stderr, flush=True)
            figures += far.run(folder / "far")
    print(table(figures))
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "system": platform.platform(), "at": datetime.now(UTC).isoformat(timespec="seconds")}
    write(figures, OUT, machine)
    missed = [each.name for each in figures if not each.met]
    print(f"\n{len(figures) - len(missed)} of {len(figures)} targets met; written to {OUT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
