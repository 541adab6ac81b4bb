"""Histories in which records are erased for good (P-43): every property holds, nobody keeps the text; with a defence off it is noticed."""

from __future__ import annotations

import secrets
from collections import Counter

import pytest

from tests.simulation.controls import is_noticed
from tests.simulation.defences import DEFENCES, Defence
from tests.simulation.run import Ground, PostgresGround, play

# 15 with a hub: an op kept aside for another reason could not be released, and nobody was told why.
FIXED, FRESH, LENGTH = (15, 100), 1, 100


@pytest.fixture(scope="module", params=["alone", "with a hub"])
def ground(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    found = Ground(tmp_path_factory.mktemp("erasures"))
    found.erasures, found.hub = True, request.param == "with a hub"
    return found


def test_histories_with_erasures_break_no_property(ground: Ground) -> None:
    first = secrets.randbelow(2**32)
    print(f"first seed {first}")
    happened: Counter[str] = Counter()
    for seed in (*FIXED, *range(first, first + FRESH)):
        result = play(ground, seed, LENGTH)
        assert result.found == [], f"seed {seed}, {ground.world}, with erasures"
        happened.update(result.happened)
    assert happened["erased"] > 0


def test_a_history_with_erasures_on_postgresql_breaks_no_property(
    tmp_path_factory: pytest.TempPathFactory, postgres_cluster: str, postgres_template: str
) -> None:
    ground = PostgresGround(tmp_path_factory.mktemp("erasures"), postgres_cluster, postgres_template)
    ground.erasures = ground.hub = True
    seed = secrets.randbelow(2**32)
    result = play(ground, seed, LENGTH)
    assert result.found == [], f"seed {seed} on PostgreSQL"


@pytest.mark.parametrize("defence", [each for each in DEFENCES if each.erasures], ids=lambda defence: defence.name)
def test_a_missing_defence_is_noticed(tmp_path_factory: pytest.TempPathFactory, defence: Defence) -> None:
    ground = Ground(tmp_path_factory.mktemp("off"))
    ground.erasures = ground.hub = True
    assert is_noticed(ground, defence, LENGTH)
