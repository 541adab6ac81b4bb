"""Many histories at once: one process per core, each with its own empty databases in memory and, if asked for, its own engines.

Owns the processes and what is told of a broken history. Decides nothing about the protocol.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.simulation.cases import kept
from tests.simulation.run import Ground, play, shrink

SEEDS_PER_TASK = 8


@dataclass
class Told:
    """What became of some histories."""

    happened: Counter[str] = field(default_factory=Counter)
    numbers: Counter[str] = field(default_factory=Counter)
    ops: int = 0
    broken: int = 0
    reports: list[str] = field(default_factory=list)

    def add(self, other: Told) -> None:
        """Count another's in."""
        self.happened.update(other.happened)
        self.numbers.update(other.numbers)
        self.ops += other.ops
        self.broken += other.broken


# The ground of this worker process.
_here: list[Ground] = []


def _begin(folder: str, world: str) -> None:
    _here.append(Ground.of(Path(tempfile.mkdtemp(dir=folder)), world))


def _play(seeds: range, length: int) -> Told:
    told, ground = Told(), _here[0]
    for seed in seeds:
        result = play(ground, seed, length)
        told.happened.update(result.happened)
        told.ops += result.ops
        if result.found:
            told.broken += 1
            told.numbers.update({line.split(" ", 1)[0] for line in result.found})
            small = shrink(ground, result)
            told.reports.append("\n  ".join([f"\nseed {seed}:", *result.found[:5]]) + f"\nshrunk to {len(small.actions)} actions:\n{kept(small, ground.world)}")
    return told


def play_many(first: int, runs: int, length: int, world: str, workers: int) -> Iterator[Told]:
    """Histories from seed `first` on, in any order, some at a time."""
    tasks = [range(start, min(start + SEEDS_PER_TASK, first + runs)) for start in range(first, first + runs, SEEDS_PER_TASK)]
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(workers, initializer=_begin, initargs=(folder, world)) as pool:
        yield from pool.map(_play, tasks, [length] * len(tasks))
