"""The log by month (ADR 0018): months are made ahead, nothing is lost without one, closed ones move while the server runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event, local
from typing import Any

import psycopg
import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from server.db import db, reading, unit
from server.ledger import partitions, push
from server.ledger.partitions import DEFAULT, NotMovable, listed, make_coming, missing, month_of, move, name_of, start_ms
from server.ledger.verify import fold_anew
from tests.server.ledger.test_migrations import config
from tests.server.ledger.world import START_MS, World, rec_id

pytestmark = pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
RX = START_MS + 10**9
LATER = start_ms(month_of(RX) + 5)


def count(table: str) -> int:
    with reading() as session:
        return int(session.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar_one())


def names() -> list[str]:
    with reading() as session:
        return [part.name for part in listed(session)]


def push_one(world: World, number: int, rx_at: int = RX) -> None:
    device = world.device(f"d{number}")
    device.create_hazard(rec_id(number))
    assert [each["v"] for each in device.send(rx_at=rx_at)["verdicts"]] == ["applied"]


def test_an_op_without_a_month_is_kept_and_gets_its_month_later(world: World) -> None:
    push_one(world, 1, LATER)
    assert count(DEFAULT) == 1
    with reading() as session:
        assert month_of(LATER) in missing(session, LATER)
    made = make_coming(db.session(), LATER)
    assert set(made) >= {name_of(month_of(LATER) + later) for later in range(partitions.AHEAD + 1)}
    assert (count(DEFAULT), count(name_of(month_of(LATER)))) == (0, 1)
    assert make_coming(db.session(), LATER) == [], "a second time there is nothing to do"
    push_one(world, 2, LATER)
    assert count(DEFAULT) == 0
    assert fold_anew(db.session()).ok


def test_a_month_is_made_by_one_worker_and_waits_for_nobody_long(world: World, ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT", "50ms")
    with psycopg.connect(ledger_url) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (partitions.KEY,))
        assert make_coming(db.session(), LATER) == [], "another worker is at it"
        other.rollback()
        other.execute(f"SELECT * FROM {DEFAULT}")  # a reader of long ago
        with pytest.raises(OperationalError):
            make_coming(db.session(), LATER)
        push_one(world, 1, LATER)
    assert make_coming(db.session(), LATER)
    assert count(name_of(month_of(LATER))) == 1


def test_a_closed_month_moves_while_devices_push(world: World, ledger_url: str) -> None:
    with psycopg.connect(ledger_url, autocommit=True) as admin:
        if admin.execute("SELECT 1 FROM pg_tablespace WHERE spcname = 'slow_disk'").fetchone() is None:
            admin.execute("SET allow_in_place_tablespaces = on")
            admin.execute("CREATE TABLESPACE slow_disk LOCATION ''")
    make_coming(db.session(), RX)
    make_coming(db.session(), LATER)
    for number in range(5):
        push_one(world, number)
    closed, stop = name_of(month_of(RX)), Event()

    def keep_pushing() -> int:
        number = 100
        try:
            while not stop.is_set():
                push_one(world, number, LATER)
                number += 1
            return number - 100
        finally:
            db.session.remove()

    with ThreadPoolExecutor(1) as pool:
        pushing = pool.submit(keep_pushing)
        try:
            move(db.session(), closed, "slow_disk", LATER)
        finally:
            stop.set()
        pushed = pushing.result(timeout=60)
    with reading() as session:
        part = {each.name: each for each in listed(session)}[closed]
        assert part.tablespace == "slow_disk"
        spaces = session.execute(text("SELECT DISTINCT tablespace FROM pg_indexes WHERE tablename = :name"), {"name": closed}).scalars().all()
        assert spaces == ["slow_disk"], "its indexes as well"
    assert count("op_log") == 5 + pushed
    assert fold_anew(db.session()).ok
    for name in (name_of(month_of(LATER)), DEFAULT, "record"):
        with pytest.raises(NotMovable):
            move(db.session(), name, "slow_disk", LATER)


def test_a_log_with_data_becomes_partitions_beside_its_writers(world: World, ledger_url: str) -> None:
    for number in range(20):
        push_one(world, number)
    before = fold_anew(db.session())
    command.downgrade(config(), "20261124_07")
    with psycopg.connect(ledger_url) as other, pytest.raises(OperationalError):
        other.execute("LOCK TABLE op_log IN ROW EXCLUSIVE MODE")  # a push that does not end
        hasty = config()
        hasty.attributes["lock_timeout"] = "50ms"
        command.upgrade(hasty, "head")
    assert "op_log_before" not in names_of_tables(), "given up without a change"
    stop, written = Event(), 0

    def old_program() -> int:
        rows = 0
        with psycopg.connect(ledger_url, autocommit=True) as link:
            while not stop.is_set():
                try:
                    link.execute(OLD_INSERT, (rows + 1, RX))
                except psycopg.errors.UndefinedColumn:
                    break
                rows += 1
        return rows

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(old_program)
        try:
            command.upgrade(config(), "head")
        finally:
            stop.set()
        written = writer.result(timeout=60)
    assert count("op_log") == 20 + written
    assert count("op_log_before") == 20 + written, "not a row was copied"
    command.check(config())
    with unit() as session:
        session.execute(text("DELETE FROM op_log WHERE dev = 'old'"))
    assert fold_anew(db.session()) == before
    until = listed_until("op_log_before")
    push_one(world, 50, until)
    assert count(name_of(month_of(until))) == 1, "what comes after the old log has its month"
    with unit() as session:
        assert session.execute(text("SELECT nextval('op_log_id_seq') > MAX(id) FROM op_log")).scalar_one()


OLD_INSERT = (
    "INSERT INTO op_log (dev, n, h, device, rec, kind, scope, \"user\", line, node, rx_at, at_c, seq, verdict)"
    " VALUES ('old', %s, '0', '', '', '', '', '', '', '', %s, 0, 0, 'applied')"
)


def names_of_tables() -> set[str]:
    with reading() as session:
        return set(session.execute(text("SELECT relname FROM pg_class")).scalars())


def listed_until(name: str) -> int:
    with reading() as session:
        return {each.name: each.until_ms or 0 for each in listed(session)}[name]


@pytest.fixture
def unlocked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Two pushes of one author that both read its row before either writes: what the lock forbids."""
    mine, both, honest = local(), {"read": Event(), "first_done": Event()}, push.read_author

    def read_author(bulk: Any, dev: str, rx_at: int) -> push.Author:
        if not getattr(mine, "slow", False):
            return honest(bulk, dev, rx_at)
        author = push.peek_author(bulk, dev)
        both["read"].set()
        assert both["first_done"].wait(30)
        return author

    monkeypatch.setattr(push, "read_author", read_author)
    return {"mine": mine} | both


def test_an_op_is_not_stored_twice_even_if_the_lock_of_its_author_failed_p_21(world: World, unlocked: dict[str, Any]) -> None:
    device = world.device("d")
    device.create_hazard(rec_id(1))
    device.send()
    bodies = []
    for number in (2, 3):
        device.create_hazard(rec_id(number))
        bodies.append(device.body())
        device.lines, device.n, device.h = [], device.first - 1, device.prev_h

    def slow() -> str:
        unlocked["mine"].slow = True
        try:
            device.send(bodies[0])
        except RuntimeError as error:
            return str(error)
        finally:
            db.session.remove()
        return "stored"

    with ThreadPoolExecutor(1) as pool:
        pushed = pool.submit(slow)
        assert unlocked["read"].wait(30)
        device.send(bodies[1])
        unlocked["first_done"].set()
        assert "moved on" in pushed.result(timeout=30)
    with reading() as session:
        assert session.execute(text("SELECT n, COUNT(*) FROM op_log GROUP BY n ORDER BY n")).all() == [(1, 1), (2, 1)]
    assert fold_anew(db.session()).ok
