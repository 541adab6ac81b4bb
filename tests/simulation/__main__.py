"""`python -m tests.simulation --runs N --seed S`: play histories, report what broke, shrunk, as a case that `--replay` plays again."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path

from tests.simulation.cases import replay
from tests.simulation.many import Told, play_many
from tests.simulation.properties import told as told_of
from tests.simulation.run import Ground


def main() -> int:
    """Play and report; 1 when any history broke a property."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="how many histories")
    parser.add_argument("--seed", type=int, default=None, help="seed of the first history; the next ones count on from it")
    parser.add_argument("--length", type=int, default=120, help="actions of a history")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--engines", action="store_true", help="every other device is the real TypeScript engine")
    parser.add_argument("--hub", action="store_true", help="a second node lives beside the centre")
    parser.add_argument("--replay", type=Path, help="play a case of tests/simulation/found, or one that was printed, instead")
    chosen = parser.parse_args()
    world = "hub" if chosen.hub else "engines" if chosen.engines else "models"
    if chosen.replay is not None:
        return once_more(chosen.replay.read_text(encoding="utf-8"))
    first = secrets.randbelow(2**32) if chosen.seed is None else chosen.seed
    print(f"{chosen.runs} histories of {chosen.length} actions from --seed {first}", flush=True)
    total, started = Told(), time.perf_counter()
    for told in play_many(first, chosen.runs, chosen.length, world, chosen.workers):
        total.add(told)
        for report in told.reports:
            print(report, flush=True)
    seconds = time.perf_counter() - started
    print(f"{chosen.runs} histories, {total.ops} ops, {seconds:.0f} s ({chosen.runs / seconds:.1f}/s), {total.broken} broken")
    print("\n".join(told_of(chosen.runs, total.numbers, total.happened)))
    print("happened: " + ", ".join(f"{name} {count}" for name, count in sorted(total.happened.items())))
    return 1 if total.broken else 0


def once_more(text: str) -> int:
    """Play a case and say what is wrong with it."""


    with tempfile.TemporaryDirectory() as name:
        ground = Ground.of(Path(name), json.loads(text)["world"])
        found = replay(ground, text).found
        if ground.engines is not None:
            ground.engines.close()
    print("\n".join(found) or "breaks nothing")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
