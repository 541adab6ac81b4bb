"""The simulation in CI: fixed and fresh histories break no property; with any one defence off, the checks notice.

`python -m tests.simulation` plays more of them and shrinks what fails.
"""

from __future__ import annotations

import secrets
from collections import Counter
from unittest.mock import patch

import pytest

import sync.fold as fold
from sync.op import Fop
from sync.record import Record
from tests.simulation.actions import Action
from tests.simulation.bad_luck import MUST_HAPPEN
from tests.simulation.cases import kept, replay
from tests.simulation.controls import TRIES_MAX, is_noticed
from tests.simulation.defences import DEFENCES, Defence
from tests.simulation.many import play_many
from tests.simulation.run import Ground, PostgresGround, draw, play, shrink

FIXED, FRESH, LENGTH = (*range(18), 23, 39, 92), 12, 160
# Histories in which clocks jump.
CLOCKED = (3, 5, 8, 13)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return Ground(tmp_path_factory.mktemp("simulation"))


@pytest.fixture(scope="module")
def postgres_ground(tmp_path_factory: pytest.TempPathFactory, postgres_cluster: str, postgres_template: str) -> PostgresGround:
    return PostgresGround(tmp_path_factory.mktemp("simulation"), postgres_cluster, postgres_template)


def numbers(found: list[str]) -> set[str]:
    return {line.split(" ", 1)[0] for line in found}


def test_fixed_histories_break_no_property(ground: Ground) -> None:
    happened: Counter[str] = Counter()
    for seed in FIXED:
        result = play(ground, seed, LENGTH)
        assert result.found == [], f"python -m tests.simulation --runs 1 --seed {seed} --length {LENGTH}"
        happened.update(result.happened)
    assert {name for name, times in happened.items() if times} >= MUST_HAPPEN["models"]


def test_fresh_histories_break_no_property(ground: Ground) -> None:
    first = secrets.randbelow(2**32)
    print(f"first seed {first}")
    for seed in range(first, first + FRESH):
        result = play(ground, seed, LENGTH)
        assert result.found == [], f"python -m tests.simulation --runs 1 --seed {seed} --length {LENGTH}"


def test_histories_on_postgresql_break_no_property(postgres_ground: PostgresGround) -> None:
    first = secrets.randbelow(2**32)
    print(f"first seed {first}")
    for seed in (*range(4), *range(first, first + 4)):
        result = play(postgres_ground, seed, LENGTH)
        assert result.found == [], f"seed {seed} on PostgreSQL"


def clocks_matter(ground: Ground, seed: int) -> bool:
    """Whether the same history with honest clocks ends in other records."""
    actions = draw(seed, LENGTH)[1]
    assert sum(action.name == "set_clock" for action in actions) > 0
    honest = [Action("wait_no_time", action.seed) if action.name == "set_clock" else action for action in actions]
    # Which head of a dispute is shown is the one thing a clock may change, and so what a person types next.
    with patch("tests.simulation.writing.shown_value", _least_head):
        return play(ground, seed, actions=honest, shaped=True).shape != play(ground, seed, actions=actions, shaped=True).shape


def test_clocks_ten_years_wrong_change_nothing_but_times(ground: Ground) -> None:
    """Property 12."""
    for seed in CLOCKED:
        assert not clocks_matter(ground, seed), f"seed {seed}"


def test_a_fold_that_trusts_clocks_is_noticed(ground: Ground) -> None:
    def latest_wins(record: Record, stamp: str, name: str, fop: Fop) -> None:
        live = [*record.reg.get(name, []), (stamp, fop["v"])]
        record.reg[name] = [max(live, key=lambda head: (record.meta[head[0]][1], head[0]))]

    with patch.object(fold, "_apply_register", latest_wins):
        assert any(clocks_matter(ground, seed) for seed in CLOCKED)


def _least_head(record: Record, name: str) -> object:
    live = record.reg.get(name)
    return min((str(value), value) for _, value in live)[1] if live else None


def test_the_same_seed_plays_the_same_history(ground: Ground) -> None:
    first, again = play(ground, 21, LENGTH, shaped=True), play(ground, 21, LENGTH, shaped=True)
    assert first.shape == again.shape
    assert first.happened == again.happened


@pytest.mark.parametrize("defence", [each for each in DEFENCES if each.world == "models"], ids=lambda defence: defence.name)
def test_a_missing_defence_is_noticed(ground: Ground, defence: Defence) -> None:
    assert is_noticed(ground, defence, LENGTH)


def test_a_failing_history_is_shrunk_kept_and_played_again(ground: Ground) -> None:
    defence = next(each for each in DEFENCES if each.name == "forks are noticed")
    with defence.off():
        failing = next(result for seed in range(TRIES_MAX) if (result := play(ground, seed, LENGTH)).found)
        small = shrink(ground, failing)
        assert len(small.actions) < len(failing.actions) / 2
        assert numbers(small.found) & numbers(failing.found)
        # What is printed can be kept and breaks the same again; with the defence in place it breaks nothing.
        case = kept(small, ground.world)
        assert replay(ground, case).found == small.found
    assert replay(ground, case).found == []


def test_many_histories_are_played_by_many_processes(ground: Ground) -> None:
    happened: Counter[str] = Counter()
    for told in play_many(100, 10, 20, "models", 2):
        assert told.broken == 0, told.reports
        happened.update(told.happened)
    alone: Counter[str] = Counter()
    for seed in range(100, 110):
        alone.update(play(ground, seed, 20).happened)
    assert happened == alone
