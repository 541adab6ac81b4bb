"""Whether a missing defence is noticed, and by the check of the property it was there for. Owns the search; asserts nothing."""

from __future__ import annotations

from tests.simulation.cases import FOLDER, replay
from tests.simulation.defences import Defence
from tests.simulation.mutants import Mutant
from tests.simulation.run import Ground, Result, play

# How many histories a switched-off defence may survive before the checks count as blind.
TRIES_MAX = 60


def notices(result: Result, control: Defence | Mutant) -> bool:
    """Whether the very complaint is there; others may be beside it."""
    return any(line.split(" ", 1)[0] == control.breaks for line in result.found)


def is_noticed(ground: Ground, defence: Defence, length: int, tries: int = TRIES_MAX) -> bool:
    """Histories without it, the one that is known to notice first."""
    with defence.off():
        if defence.case:
            return notices(replay(ground, (FOLDER / defence.case).read_text(encoding="utf-8")), defence)
        return any(notices(play(ground, seed, length), defence) for seed in (defence.seed, *range(tries)))
