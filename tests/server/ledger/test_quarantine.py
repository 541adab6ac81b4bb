"""Quarantine and parking: nothing waits for ever, nothing is thrown away; and writes by the server itself."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from server.db import db, reading, unit
from server.ledger import hints, quarantine
from server.ledger.state import dump as fast_dump
from server.ledger.verify import fold_anew, rebuild
from server.ledger.write import append
from sync import limits
from sync.record import dump, load
from tests.server.ledger.world import OTHER, START_MS, STATION, World, rec_id, reg


def title() -> object:
    with reading() as session:
        return session.execute(text("SELECT title FROM k_hazard")).scalar()


def test_a_released_op_counts_as_if_it_had_been_accepted(world: World) -> None:
    a = world.device("a")
    base = a.create_hazard(rec_id(1))
    a.write(rec_id(1), "hazard", {"title": reg("外人改的", base)}, user="u_nobody")
    assert a.send()["verdicts"][1]["why"] == "unknown_user"
    entries = quarantine.listed(db.session())
    assert [(each.rec, each.why, each.user) for each in entries] == [(rec_id(1), "unknown_user", "u_nobody")]
    quarantine.release(db.session(), entries[0].id)
    assert title() == "外人改的"
    assert quarantine.listed(db.session()) == []
    assert fold_anew(db.session()).ok
    with pytest.raises(quarantine.NotReleasable):
        quarantine.release(db.session(), entries[0].id)


def test_bytes_that_are_no_op_can_only_be_kept(world: World) -> None:
    a = world.device("a")
    a.raw(b"scribble")
    a.send()
    entry = quarantine.listed(db.session())[0]
    assert entry.raw == b"scribble"
    with pytest.raises(quarantine.NotReleasable):
        quarantine.release(db.session(), entry.id)
    quarantine.keep(db.session(), entry.id)
    assert [each.id for each in quarantine.listed(db.session(), "kept")] == [entry.id]


def test_a_record_made_only_of_quarantined_ops_is_fed_to_nobody(world: World) -> None:
    stranger, a = world.device("b", user="u_nobody"), world.device("a")
    stranger.create_hazard(rec_id(1))
    stranger.send()
    a.pull_all()
    assert a.states == {}
    entry = quarantine.listed(db.session())[0]
    quarantine.release(db.session(), entry.id)
    a.pull_all()
    assert set(a.states) == {rec_id(1)}
    assert fold_anew(db.session()).ok


def test_a_field_with_an_unknown_parent_waits_and_is_released_after_seven_days_p_10(world: World) -> None:
    a = world.device("a")
    a.create_hazard(rec_id(1))
    unknown = "abcdefghijklmnop:7:0123abcd"
    a.write(rec_id(1), "hazard", {"title": reg("孤儿", unknown), "place": reg("五号楼")})
    answer = a.send()
    assert answer["verdicts"][1]["v"] == "parked"
    assert title() == "楼道堆物"
    with reading() as session:
        assert session.execute(text("SELECT place FROM k_hazard")).scalar() == "五号楼", "only that field waits"
    week = limits.PARK_DAYS_MAX * quarantine.DAY_MS
    rx_at = START_MS + 10**9
    assert quarantine.release_overdue(db.session(), rx_at + week - 1) == []
    assert quarantine.release_overdue(db.session(), rx_at + week + 1) == [rec_id(1)]
    with reading() as session:
        assert session.execute(text("SELECT COUNT(*) FROM conflict WHERE closed_at IS NULL")).scalar() == 1
    assert fold_anew(db.session()).ok


def test_server_side_ops_are_ops_like_any_other(world: World) -> None:
    heard: list[dict[str, int]] = []
    stop = hints.listen(heard.append)
    try:
        ops = [
            {
                "rec": rec_id(1),
                "kind": "hazard",
                "scope": STATION,
                "f": {"scope": reg(STATION), "title": reg("中心登记")},
            }
        ]
        written = append(db.session(), "u_operator", ops, at_ms=START_MS)
        assert written[0].verdict == "applied"
        with unit():
            again = [
                {
                    "rec": rec_id(1),
                    "kind": "hazard",
                    "scope": STATION,
                    "f": {"title": reg("中心改名", written[0].stamp)},
                }
            ]
            append(db.session(), "u_operator", again, at_ms=START_MS + 5)
            assert len(heard) == 1, "nobody is told before the commit"
    finally:
        stop()
    assert [set(each) for each in heard] == [{STATION}, {STATION}]
    assert title() == "中心改名"
    reader = world.device("a")
    reader.pull_all()
    assert reader.states[rec_id(1)]["reg"]["title"][1] == "中心改名"
    assert fold_anew(db.session()).ok


def test_the_cache_can_be_dropped_and_rebuilt_from_the_log(world: World) -> None:
    a = world.device("a")
    base = a.create_hazard(rec_id(1))
    a.write(rec_id(1), "hazard", {"title": reg("第二版", base)})
    a.send()
    with unit() as session:
        session.execute(text("UPDATE record SET state = :s"), {"s": b'{"id":"x"}'})
        session.execute(text("DELETE FROM k_hazard"))
    report = fold_anew(db.session())
    assert report.differing == [rec_id(1)]
    rebuild(db.session(), report.differing)
    assert title() == "第二版"
    assert fold_anew(db.session()).ok


def test_fast_bytes_equal_the_canonical_bytes(world: World) -> None:
    a = world.device("a")
    a.create_hazard(rec_id(1), note='引号" 反斜杠\\ 换行\n \x7f \u2028 😀', cost="12.50", point={"lon_e7": 1, "lat_e7": -2})
    a.write(rec_id(1), "hazard", {"team": {"k": "add", "v": "u1"}, "history": {"k": "log", "v": {"b": 1, "a": None}}})
    a.write(rec_id(1), "hazard", {"stock": {"k": "inc", "v": -3}, "late": reg(1, "abcdefghijklmnop:7:0123abcd")})
    a.send()
    with reading() as session:
        state = bytes(session.execute(text("SELECT state FROM record")).scalar_one())
    assert dump(load(state)) == state == fast_dump(load(state))


def test_scopes_of_strangers_stay_closed(world: World) -> None:
    stranger = world.device("b", user="u_patrol08a", scopes=("town", OTHER))
    a = world.device("a")
    a.create_hazard(rec_id(1))
    a.send()
    stranger.pull_all()
    assert stranger.states == {}
