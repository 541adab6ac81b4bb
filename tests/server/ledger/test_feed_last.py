"""P-26: the counter row is taken when everything else is written, and held for one statement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import event, text

from server.db import db, reading, unit
from server.ledger import hints
from server.ledger.verify import fold_anew
from server.ledger.write import append
from sync import limits
from tests.server.ledger.world import OTHER, START_MS, STATION, TOWN, World, rec_id, reg


@contextmanager
def statements() -> Iterator[list[str]]:
    """Every statement the database is given."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        found.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def behind_the_counter(found: list[str]) -> list[str]:
    """Statements of the one unit that follow its counter."""
    at = [number for number, statement in enumerate(found) if statement.startswith("UPDATE sync_clock")]
    assert len(at) == 1, "one unit, one counter"
    return found[at[0] + 1 :]


def op(rec: str, **fields: Any) -> dict[str, Any]:
    return {"rec": rec, "kind": "hazard", "scope": STATION, "f": fields}


def test_between_the_counter_and_the_commit_stands_nothing_but_the_stamps_p_26(world: World) -> None:
    device = world.device("a")
    for number in range(60):
        device.create_hazard(rec_id(number))
    device.caller = replace(device.caller, push_only=True)
    device.raw(b"no json")
    with statements() as found:
        device.send()
    left = behind_the_counter(found)
    if db.engine.dialect.name == "postgresql":
        assert len(left) == 1
    assert all(each.startswith(("INSERT INTO", "WITH", 'UPDATE "record" AS old SET "seq"')) for each in left)
    assert not any(table in each for each in left for table in ("op_log", "k_hazard", "conflict", "incarnation", "quarantine"))
    assert fold_anew(db.session()).ok


def test_many_batches_of_one_unit_take_the_counter_once(world: World) -> None:
    """Also when a later batch edits what an earlier one made, and a record leaves its scope on the way."""
    count = limits.OPS_PER_BATCH_MAX + 20
    with statements() as found, unit() as session:
        made = append(session, "u_operator", [op(rec_id(n), scope=reg(STATION), title=reg("裂缝")) for n in range(count)], at_ms=START_MS)
        append(session, "u_operator", [op(rec_id(0), title=reg("改", made[0].stamp)), op(rec_id(1), scope=reg(OTHER, made[1].stamp))], at_ms=START_MS)
    behind_the_counter(found)
    with reading() as session:
        rows = dict(session.execute(text("SELECT id, seq FROM record")).all())  # type: ignore[arg-type]
        assert sorted(rows.values()) == list(range(1, count + 1)), "every record has one number"
        assert session.execute(text("SELECT seq FROM sync_clock")).scalar_one() == count
        assert session.execute(text("SELECT COUNT(*) FROM departure")).scalar_one() == 0, "nobody ever saw it where it was made"
        assert session.execute(text("SELECT title FROM k_hazard WHERE id = :id"), {"id": rec_id(0)}).scalar_one() == "改"
    assert fold_anew(db.session()).ok


def test_a_unit_that_fails_owes_no_number(world: World) -> None:
    heard: list[dict[str, int]] = []
    stop = hints.listen(heard.append)
    try:
        try:
            with unit() as session:
                append(session, "u_operator", [op(rec_id(1), scope=reg(STATION))], at_ms=START_MS)
                raise LookupError
        except LookupError:
            pass
        with unit() as session:
            session.execute(text("SELECT 1"))
        assert heard == []
        append(db.session(), "u_operator", [op(rec_id(2), scope=reg(STATION))], at_ms=START_MS)
        assert heard == [{STATION: 1}]
    finally:
        stop()


def test_what_moves_on_is_told_to_both_scopes(world: World) -> None:
    heard: list[dict[str, int]] = []
    made = append(db.session(), "u_operator", [op(rec_id(1), scope=reg(STATION))], at_ms=START_MS)
    stop = hints.listen(heard.append)
    try:
        append(db.session(), "u_operator", [op(rec_id(1), scope=reg(OTHER, made[0].stamp))], at_ms=START_MS)
    finally:
        stop()
    assert heard == [{STATION: 2, OTHER: 2}]
    reader = world.device("reader", scopes=(TOWN, OTHER))
    assert reader.pull_all()["digest"][OTHER]["count"] == 1
    assert fold_anew(db.session()).ok
