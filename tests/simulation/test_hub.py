"""Histories with a hub beside the centre (P-60): both end alike, nothing is lost; with any one of its defences off, the checks notice.

`python -m tests.simulation --hub` plays more of them; with `--engines` every other device is the real TypeScript engine.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import pytest

import server.ledger.take as take
import server.nodes.meeting as meeting
from tests.simulation.run import Ground, PostgresGround, play

FIXED, FRESH, LENGTH = (*range(1, 9), 200), 8, 160
TRIES_MAX = 60
MUST_HAPPEN = {
    "chain given up by the hub", "cloned", "device killed", "disk full", "hub lost", "meeting cut", "nodes met", "notes compared", "rebase",
    "released at the hub", "server killed", "server rolled back",
}  # fmt: skip


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    found = Ground(tmp_path_factory.mktemp("hub"))
    found.hub = True
    return found


def test_fixed_histories_with_a_hub_break_no_property(ground: Ground) -> None:
    happened: Counter[str] = Counter()
    for seed in FIXED:
        result = play(ground, seed, LENGTH)
        assert result.found == [], f"python -m tests.simulation --hub --runs 1 --seed {seed} --length {LENGTH}"
        happened.update(result.happened)
    assert {name for name, times in happened.items() if times} >= MUST_HAPPEN


def test_fresh_histories_with_a_hub_break_no_property(ground: Ground) -> None:
    first = secrets.randbelow(2**32)
    print(f"first seed {first}")
    for seed in range(first, first + FRESH):
        result = play(ground, seed, LENGTH)
        assert result.found == [], f"python -m tests.simulation --hub --runs 1 --seed {seed} --length {LENGTH}"


def test_a_centre_on_postgresql_meets_a_hub_on_sqlite(
    tmp_path_factory: pytest.TempPathFactory, postgres_cluster: str, postgres_template: str
) -> None:
    ground = PostgresGround(tmp_path_factory.mktemp("hub"), postgres_cluster, postgres_template)
    ground.hub = True
    first = secrets.randbelow(2**32)
    print(f"first seed {first}")
    for seed in (1, first, first + 1):
        result = play(ground, seed, LENGTH)
        assert result.found == [], f"seed {seed} on PostgreSQL"


# ----------------------------------------------------------------------------------------------------- negative controls


def notes_are_not_compared() -> AbstractContextManager[Any]:
    """What one node keeps aside or was told earlier stays its own."""
    return patch.object(take, "merge", lambda *_: False)


def a_hub_forgets_what_gave_way() -> AbstractContextManager[Any]:
    """The end of a chain that parts is dropped instead of renumbered."""
    return patch.object(take, "renumber", lambda dev, first, lines: ("a" * 16, []))


def a_hub_sends_no_chain() -> AbstractContextManager[Any]:
    """It only takes."""
    return patch.object(meeting._Meeting, "_give", lambda *_: set())


@pytest.mark.parametrize(
    ("off", "numbers", "known"),
    [(notes_are_not_compared, {"7", "19"}, 1), (a_hub_forgets_what_gave_way, {"22", "0"}, 42), (a_hub_sends_no_chain, {"22", "19", "7"}, 0)],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_missing_defence_of_the_hub_is_noticed(ground: Ground, off: Callable[[], AbstractContextManager[Any]], numbers: set[str], known: int) -> None:
    """`known` is a seed that is known to notice, tried first."""
    with off():
        for seed in (known, *range(TRIES_MAX)):
            if {line.split(" ", 1)[0] for line in play(ground, seed, LENGTH).found} & numbers:
                return
    pytest.fail(f"{TRIES_MAX} histories without this defence, and no check noticed")
