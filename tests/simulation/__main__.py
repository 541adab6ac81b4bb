"""`python -m tests.simulation --runs N --seed S`: play histories, report what broke, shrunk, with the seed that repeats it."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.simulation.run import Ground, Result, play, shrink
from tests.simulation.typescript import Engines


def main() -> int:
    """Play and report; 1 when any history broke a property."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="how many histories")
    parser.add_argument("--seed", type=int, default=None, help="seed of the first history; the next ones count on from it")
    parser.add_argument("--length", type=int, default=120, help="actions of a history")
    parser.add_argument("--engines", action="store_true", help="every other device is the real TypeScript engine")
    chosen = parser.parse_args()
    first = secrets.randbelow(2**32) if chosen.seed is None else chosen.seed
    print(f"{chosen.runs} histories of {chosen.length} actions from --seed {first}", flush=True)
    happened: Counter[str] = Counter()
    broken, ops, started = 0, 0, time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        ground = Ground(Path(name))
        ground.engines = Engines(Path(name)) if chosen.engines else None
        for seed in range(first, first + chosen.runs):
            result = play(ground, seed, chosen.length)
            happened.update(result.happened)
            ops += result.ops
            if result.found:
                broken += 1
                report(ground, result)
        if ground.engines is not None:
            ground.engines.close()
    seconds = time.perf_counter() - started
    print(f"{chosen.runs} histories, {ops} ops, {seconds:.0f} s, {broken} broken")
    print("happened: " + ", ".join(f"{name} {count}" for name, count in sorted(happened.items())))
    return 1 if broken else 0


def report(ground: Ground, result: Result) -> None:
    """Print a failing history as short as it gets."""
    print(f"\nseed {result.seed}: " + "\n  ".join(result.found[:5]))
    small = shrink(ground, result)
    print(f"shrunk to {len(small.actions)} actions (play(ground, {result.seed}, actions=[…])):")
    for action in small.actions:
        print(f'  Action("{action.name}", {action.seed}),')
    print("  " + "\n  ".join(small.found[:3]), flush=True)


if __name__ == "__main__":
    sys.exit(main())
