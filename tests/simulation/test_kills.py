"""Kills at every point (property 22): the device between any two of its steps, the server between any two statements.

Nothing a device reported as saved is lost, and everything arrives exactly once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import event, text

from server.db import db
from server.ledger.lines import read_line, read_raw
from server.ledger.state import canonical
from tests.simulation.actions import ACTIONS, attempt
from tests.simulation.checks import check, heal
from tests.simulation.faults import PowerCut
from tests.simulation.handheld import Handheld
from tests.simulation.run import Ground, PostgresGround
from tests.simulation.town import Town
from tests.simulation.typescript import Engines, TypeScriptHandheld

SEED = 22
TABLES = ("op_log", "record", "conflict", "quarantine", "incarnation", "departure", "scope_digest", "sync_clock")
KILLS_MIN = {"first load": 15, "save": 3, "sync": 6}


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    ground = Ground(tmp_path_factory.mktemp("kills"))
    ground.engines = Engines(tmp_path_factory.mktemp("engines"))
    yield ground
    ground.engines.close()


@contextmanager
def town_of_two(ground: Ground, engines: Engines | None) -> Iterator[Town]:
    """Device B has filled the town; A is new."""
    with ground.database() as (url, folder), Town(url, folder, Random(SEED)).running(2, engines) as town:
        act(town, 1, "create", "create", "create", "create", "create", "create")
        assert attempt(town, town.devices[1])
        yield town


def act(town: Town, who: int, *names: str) -> None:
    """Let one device do these."""
    everybody, town.devices = town.devices, [town.devices[who]]
    for i, name in enumerate(names):
        town.now_ms += 1000
        ACTIONS[name][1](town, Random(len(town.facts) * 100 + i))
    town.devices = everybody


# ----------------------------------------------------------------------------------------------------------- the device


def life_with_a_kill(ground: Ground, doing: str, point: int) -> tuple[bool, list[str]]:
    """Whether A died at this point of its doing, and what is wrong in the end."""
    with town_of_two(ground, ground.engines) as town:
        first, second = town.devices
        assert isinstance(first, TypeScriptHandheld)
        if doing != "first load":
            assert attempt(town, first)
            act(town, 1, "edit", "move_stock", "edit")
            attempt(town, second)
            act(town, 0, "create", "edit", "transfer", "move_stock")
        first.kill_point = point
        if doing == "save":
            act(town, 0, "edit")
        else:
            attempt(town, first)
        died = first.points >= point
        first.kill_point = 0
        attempt(town, first)
        act(town, 0, "edit", "create")
        heal(town)
        return died, check(town)


def lives_with_kills(ground: Ground, doing: str) -> Iterator[list[str]]:
    for point in itertools.count(1):
        died, found = life_with_a_kill(ground, doing, point)
        yield found
        if not died:
            print(f"{doing}: {point - 1} points")
            assert point > KILLS_MIN[doing]
            return


@pytest.mark.parametrize("doing", KILLS_MIN)
def test_a_device_killed_at_any_point_loses_nothing_it_reported(ground: Ground, doing: str) -> None:
    for point, found in enumerate(lives_with_kills(ground, doing), 1):
        assert found == [], f"killed at point {point} of {doing}"


def test_a_save_that_is_not_strict_is_noticed(ground: Ground) -> None:
    assert ground.engines is not None
    ground.engines.call("off", names=["strict saves"])
    try:
        assert any(line.startswith("18 ") for found in lives_with_kills(ground, "sync") for line in found)
    finally:
        ground.engines.call("off", names=[])


# ----------------------------------------------------------------------------------------------------------- the server


@dataclass
class Cut:
    """Power fails before statement or commit number `at`. `leaky`: what was done before stays, as without a transaction."""

    at: int
    leaky: bool = False
    points: int = 0

    @contextmanager
    def armed(self) -> Iterator[None]:
        event.listen(db.engine, "before_cursor_execute", self._statement)
        event.listen(db.engine, "commit", self._point)
        try:
            yield
        finally:
            event.remove(db.engine, "before_cursor_execute", self._statement)
            event.remove(db.engine, "commit", self._point)

    def _statement(self, connection: Any, *_rest: Any) -> None:
        self._point(connection)

    def _point(self, connection: Any) -> None:
        self.points += 1
        if self.points == self.at:
            if self.leaky:
                connection.connection.driver_connection.commit()
            raise PowerCut


def ledger_after(ground: Ground, cut: Cut) -> dict[str, list[Any]]:
    """All that the ledger holds after a push that met the cut, and its repetition."""
    with town_of_two(ground, None) as town:
        first, second = town.devices
        assert attempt(town, first)
        act(town, 1, "edit", "move_stock", "edit", "entries")
        assert attempt(town, second)
        write_all_sorts(town)
        with cut.armed():
            attempt(town, first, rounds=1)
        held: dict[str, list[Any]] = {"delivered": [attempt(town, first)]}
        held |= {name: rows_of(name) for name in TABLES}
        heal(town)
        held["found"] = list(check(town))
        return held


def rows_of(table: str) -> list[str]:
    """Opened, because the same is sealed differently each time; and without numbers drawn from a sequence: those of a transaction that was
    rolled back are gone."""
    rows = [dict(row) for row in db.session.execute(text(f"SELECT * FROM {table}")).mappings()]
    db.session.rollback()
    for row in rows:
        if table == "op_log":
            row["line"] = read_line(row["dev"], row["n"], row["h"], row["line"])
        elif table == "record":
            row["state"] = canonical(row["id"], bytes(row["state"]))
        elif table == "quarantine":
            row["raw"] = read_raw(row["sha"], row["raw"])
    return sorted(repr([pair for pair in row.items() if pair[0] not in ("id", "op_id") or isinstance(pair[1], str)]) for row in rows)


def write_all_sorts(town: Town) -> None:
    """Edits that conflict, a group, a stocktake, a delete, an unknown kind, and lines nobody can read or fold."""
    device: Handheld = town.devices[0]
    act(town, 0, "create", "edit", "edit", "move_stock", "transfer", "entries", "delete", "from_the_future", "poison")
    fact = town.fact(device.name)
    device.save_raw(f'{{"n":{device.disk.own.n + 1},"app":"{fact}",'.encode())


def every_kill_of_a_push_ends_alike(ground: Ground) -> None:
    whole = ledger_after(ground, uncut := Cut(0))
    assert whole["found"] == []
    print(f"{uncut.points} points")
    assert uncut.points > 10
    for at in range(1, uncut.points + 1):
        assert ledger_after(ground, Cut(at)) == whole, f"killed before statement {at}"


def test_a_server_killed_between_any_two_statements_stores_the_push_once(ground: Ground) -> None:
    every_kill_of_a_push_ends_alike(ground)


def test_a_server_killed_between_any_two_statements_on_postgresql(tmp_path: Path, postgres_cluster: str, postgres_template: str) -> None:
    every_kill_of_a_push_ends_alike(PostgresGround(tmp_path, postgres_cluster, postgres_template))


def test_a_push_that_is_not_one_transaction_is_noticed(ground: Ground) -> None:
    whole = ledger_after(ground, uncut := Cut(0))
    assert any(ledger_after(ground, Cut(at, leaky=True)) != whole for at in range(uncut.points, 0, -1))
