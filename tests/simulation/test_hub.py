"""Histories with a hub beside the centre (P-60): both end alike, nothing is lost; with any one of its defences off, the checks notice.

`python -m tests.simulation --hub` plays more of them; with `--engines` every other device is the real TypeScript engine.
"""

from __future__ import annotations

import secrets
from collections import Counter

import pytest

from tests.simulation.bad_luck import MUST_HAPPEN
from tests.simulation.controls import is_noticed
from tests.simulation.defences import DEFENCES, Defence
from tests.simulation.run import Ground, PostgresGround, play

FIXED, FRESH, LENGTH = (*range(1, 9), 200), 8, 160


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
    assert {name for name, times in happened.items() if times} >= MUST_HAPPEN["hub"]


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


@pytest.mark.parametrize("defence", [each for each in DEFENCES if each.world == "hub" and not each.erasures], ids=lambda defence: defence.name)
def test_a_missing_defence_of_the_hub_is_noticed(ground: Ground, defence: Defence) -> None:
    assert is_noticed(ground, defence, LENGTH)
