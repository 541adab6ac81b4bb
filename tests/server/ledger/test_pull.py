"""Pull: cursor, pages, scopes, departures, digests."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from server.db import db, reading, unit
from server.errors import ProblemError
from server.ledger.clock import new_epoch
from server.ledger.verify import fold_anew
from sync.stamp import digest64
from tests.server.ledger.world import OTHER, STATION, TOWN, Device, World, rec_id, reg


def digest_of(device: Device, scope: str) -> dict[str, Any]:
    """The digest a device computes over what it holds."""
    held = [state for state in device.states.values() if state["scope"] == scope]
    xor = 0
    for state in held:
        xor ^= digest64(state["id"], state["seq"])
    return {"count": len(held), "xor": f"{xor:016x}"}


def test_pages_join_without_a_gap_and_states_are_coalesced_p_25(world: World) -> None:
    author, reader = world.device("a"), world.device("b")
    heads = {}
    for number in range(1, 24):
        heads[number] = author.create_hazard(rec_id(number))
    author.send()
    reader.pull_all(limit=5)
    assert len(reader.states) == 23
    for _ in range(3):
        heads[7] = author.write(rec_id(7), "hazard", {"place": reg("新址")})
    author.send()
    answer = reader.send()
    assert [state["id"] for state in answer["records"]] == [rec_id(7)], "weeks of edits are one state"
    assert answer["more"] is False
    assert answer["digest"][STATION] == digest_of(reader, STATION)


def test_a_sync_with_nothing_new_is_small_and_writes_nothing(world: World) -> None:
    device = world.device("a")
    device.create_hazard(rec_id(1))
    device.send()
    with reading() as session:
        before = session.execute(text("SELECT seq FROM sync_clock")).scalar()
    answer = device.send()
    assert answer["records"] == [] and answer["more"] is False
    with reading() as session:
        assert session.execute(text("SELECT seq FROM sync_clock")).scalar() == before


@pytest.mark.parametrize("damage", ["epoch", "signature", "garbage", "ahead"])
def test_a_cursor_of_another_history_is_answered_with_rebase_after_storing_the_push_p_27(world: World, damage: str) -> None:
    device = world.device("a")
    for number in (1, 3, 4):
        device.create_hazard(rec_id(number))
    device.send()
    if damage == "epoch":
        with unit() as session:
            new_epoch(session)
    elif damage == "signature":
        assert device.cursor is not None
        device.cursor = ("A" if device.cursor[0] != "A" else "B") + device.cursor[1:]
    elif damage == "garbage":
        device.cursor = "*** no cursor ***"
    else:
        with unit() as session:
            session.execute(text("UPDATE sync_clock SET seq = 0"))
            session.execute(text("UPDATE record SET seq = 0"))
    device.create_hazard(rec_id(2))
    with pytest.raises(ProblemError) as refusal:
        device.send()
    assert refusal.value.problem.code == "rebase"
    with reading() as session:
        assert session.execute(text("SELECT COUNT(*) FROM op_log")).scalar() == 4, "a rebase never loses the push"


def test_a_newly_granted_scope_is_sent_whole_without_a_rebase_p_40(world: World) -> None:
    a = world.device("a")
    b = world.device("b", user="u_patrol08a", scopes=(TOWN, OTHER))
    for number in range(1, 8):
        b.write(rec_id(number), "hazard", {"scope": reg(OTHER)}, scope=OTHER)
        a.create_hazard(rec_id(100 + number))
    b.send()
    a.send()
    a.pull_all()
    assert len(a.states) == 7
    a.caller = type(a.caller)("d_a", (TOWN, STATION, OTHER))
    answer = a.send(limit=3)
    while answer["more"]:
        b.write(rec_id(3), "hazard", {"place": reg("变了")}, scope=OTHER)
        b.send()
        answer = a.send(limit=3)
    answer = a.pull_all()
    assert len(a.states) == 14
    assert answer["digest"][OTHER] == digest_of(a, OTHER)
    a.caller = type(a.caller)("d_a", (TOWN, STATION))
    answer = a.send()
    assert answer["scopes"]["revoked"] == [OTHER]
    assert len(a.states) == 7


def test_a_record_that_moves_is_gone_for_the_old_scope_and_fed_to_the_new_one(world: World) -> None:
    a, operator = world.device("a"), world.device("c", user="u_operator", scopes=(TOWN, STATION, OTHER))
    b = world.device("b", user="u_patrol08a", scopes=(TOWN, OTHER))
    stamp = a.create_hazard(rec_id(1))
    a.create_hazard(rec_id(2))
    a.send()
    b.send()
    operator.pull_all()
    operator.write(rec_id(1), "hazard", {"scope": reg(OTHER, stamp)})
    operator.send()
    answer = a.pull_all()
    assert set(a.states) == {rec_id(2)}
    assert answer["digest"][STATION] == digest_of(a, STATION)
    b.pull_all()
    assert set(b.states) == {rec_id(1)}
    with reading() as session:
        assert session.execute(text(f"SELECT scope FROM k_hazard WHERE id = '{rec_id(1)}'")).scalar() == OTHER
    a.write(rec_id(1), "hazard", {"place": reg("迟到的修改")})
    assert a.send()["verdicts"][0]["why"] == "scope_revoked"
    assert fold_anew(db.session()).ok


def test_a_narrowed_pull_brings_only_the_scopes_asked_for(world: World) -> None:
    a = world.device("a")
    a.create_hazard(rec_id(1))
    a.send(a.body(scopes=[TOWN]))
    answer = a.send(scopes=[TOWN])
    assert answer["records"] == []
    assert answer["scopes"]["granted"] == [TOWN]


def test_a_deleted_record_is_fed_as_a_state_and_leaves_the_lists(world: World) -> None:
    a, b = world.device("a"), world.device("b")
    a.create_hazard(rec_id(1))
    a.send()
    a.write(rec_id(1), "hazard", {"life": {"k": "life", "v": "deleted", "b": [], "seen": {a.dev: 1}}})
    a.send()
    b.pull_all()
    assert b.states[rec_id(1)]["life"][1] == "deleted"
    with reading() as session:
        assert not session.execute(text("SELECT life FROM k_hazard")).scalar()
