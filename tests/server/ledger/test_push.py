"""Push: what is stored, what is answered, and what never happens twice."""

from __future__ import annotations

import orjson
from sqlalchemy import text

from server.db import db, reading
from server.ledger.verify import fold_anew
from tests.server.ledger.world import STATION, World, rec_id, reg


def count(table: str) -> int:
    with reading() as session:
        return int(session.execute(text(f'SELECT COUNT(*) FROM "{table}"')).scalar_one())


def value(sql: str) -> object:
    with reading() as session:
        return session.execute(text(sql)).scalar()


def test_ops_state_verdicts_and_acked_are_stored_together_p_20(world: World) -> None:
    device = world.device("a")
    device.create_hazard(rec_id(1))
    answer = device.send()
    assert answer["acked"] == 1
    assert answer["acked_h"] == device.h
    assert answer["verdicts"] == [{"n": 1, "v": "applied"}]
    assert [state["id"] for state in answer["records"]] == [rec_id(1)]
    assert value("SELECT title FROM k_hazard") == "楼道堆物"
    assert fold_anew(db.session()).ok


def test_identical_batch_again_changes_nothing_p_21(world: World) -> None:
    device = world.device("a")
    stamp = device.create_hazard(rec_id(1))
    device.write(rec_id(1), "hazard", {"place": reg("三号楼"), "severity": reg("major", stamp)})
    body = device.body()
    first = device.send(body)
    before = value("SELECT seq FROM sync_clock")
    second = device.send(body)
    assert [each["v"] for each in second["verdicts"]] == ["duplicate", "duplicate"]
    assert [each["was"] for each in second["verdicts"]] == [each["v"] for each in first["verdicts"]]
    assert value("SELECT seq FROM sync_clock") == before
    assert count("op_log") == 2
    assert second["records"] == first["records"]


def test_retry_with_new_ops_behind_it_stores_only_the_new_ones_p_21(world: World) -> None:
    device = world.device("a")
    device.create_hazard(rec_id(1))
    device.send(device.body())
    device.create_hazard(rec_id(2))
    answer = device.send(device.body())
    assert [each["v"] for each in answer["verdicts"]] == ["duplicate", "applied"]
    assert count("op_log") == 2


def test_one_bad_line_never_affects_its_siblings_p_22(world: World) -> None:
    device = world.device("a")
    device.create_hazard(rec_id(1))
    device.raw(b'{"n":2, this is no json')
    device.raw(b"\xff\xfe\x00 bytes")
    device.write(rec_id(1), "hazard", {"Bad Name": reg(1)})
    device.raw(b'{"n":5,"pad":"' + b"x" * 40_000 + b'"}')
    device.create_hazard(rec_id(2))
    answer = device.send()
    assert [each["v"] for each in answer["verdicts"]] == [
        "applied", "quarantined", "quarantined", "quarantined", "quarantined", "applied",
    ]  # fmt: skip
    assert [each.get("why") for each in answer["verdicts"][1:5]] == ["bad_json", "bad_json", "bad_field", "too_large"]
    assert answer["acked"] == 6
    assert count("quarantine") == 4
    assert value("SELECT COUNT(*) FROM quarantine WHERE op_id IS NOT NULL") == 4
    assert fold_anew(db.session()).ok


def test_server_rolled_back_asks_for_what_it_lost_p_23(world: World) -> None:
    device = world.device("a")
    device.create_hazard(rec_id(1))
    old = device.body()
    device.send()
    device.create_hazard(rec_id(2))
    lost = list(device.lines)
    device.send()
    with db.engine.begin() as connection:
        # A backup taken after the first batch comes back.
        for sql in (
            "DELETE FROM op_log WHERE n > 1", f"DELETE FROM record WHERE id = '{rec_id(2)}'",
            f"DELETE FROM k_hazard WHERE id = '{rec_id(2)}'", "DELETE FROM scope_digest",
        ):  # fmt: skip
            connection.exec_driver_sql(sql)
        row = connection.exec_driver_sql("SELECT h FROM op_log").fetchone()
        connection.exec_driver_sql(f"UPDATE incarnation SET acked = 1, acked_h = '{row[0]}'")
    device.create_hazard(rec_id(3))
    answer = device.send(device.body())
    assert answer["resend_from"] == 2
    assert answer["verdicts"] == []
    device.lines = lost + device.lines
    device.first, device.prev_h = 2, orjson.loads(exchange_head(device, old))["acked_h"]
    answer = device.send()
    assert [each["v"] for each in answer["verdicts"]] == ["applied", "applied"]
    assert count("k_hazard") == 3


def exchange_head(device: object, body: bytes) -> bytes:
    return orjson.dumps(device.send(body))  # type: ignore[attr-defined]


def test_another_hash_for_a_known_op_is_a_fork_and_its_bytes_are_kept_p_24(world: World) -> None:
    device, clone = world.device("a"), world.device("a")
    device.create_hazard(rec_id(1))
    device.send()
    clone.create_hazard(rec_id(2))
    answer = clone.send()
    assert answer["fork"] is True
    assert answer["acked"] == 1
    assert count("op_log") == 1
    assert value("SELECT COUNT(*) FROM quarantine WHERE why = 'fork'") == 1
    clone.send()
    assert count("quarantine") == 1, "the same bytes are kept once"


def test_a_previous_hash_that_does_not_match_is_a_fork_p_24(world: World) -> None:
    device, clone = world.device("a"), world.device("a")
    device.create_hazard(rec_id(1))
    device.send()
    clone.create_hazard(rec_id(2))
    clone.lines, clone.first, clone.prev_h = [], 2, clone.h
    clone.create_hazard(rec_id(3))
    assert clone.send()["fork"] is True


def test_op_without_right_is_stored_but_not_folded_p_40(world: World) -> None:
    device = world.device("a")
    device.create_hazard(rec_id(1))
    device.send()
    stranger = world.device("b", user="u_patrol08a", scopes=("town", "station:310199101008"))
    stranger.write(rec_id(1), "hazard", {"title": reg("改名")})
    stranger.write(rec_id(1), "hazard", {"title": reg("改名")}, scope="station:310199101008")
    answer = stranger.send()
    assert [each["why"] for each in answer["verdicts"]] == ["scope_revoked", "scope_revoked"]
    assert value("SELECT title FROM k_hazard") == "楼道堆物"
    assert count("op_log") == 3
    assert fold_anew(db.session()).ok


def test_group_folds_together_or_not_at_all(world: World) -> None:
    device = world.device("a")
    lot = rec_id(9)
    device.write(lot, "stock_lot", {"scope": reg(STATION), "on_hand": {"k": "count", "v": 12, "b": [], "seen": {}}})
    group = [
        ({"scope": reg(STATION), "qty": reg(3)}, "stock_movement", rec_id(10), ["g1", 0, 2]),
        ({"on_hand": {"k": "inc", "v": -3, "b": []}}, "stock_lot", lot, ["g1", 1, 2]),
        ({"scope": reg(STATION), "qty": reg("three")}, "stock_movement", rec_id(11), ["g2", 0, 2]),
        ({"on_hand": {"k": "inc", "v": -5, "b": []}}, "stock_lot", lot, ["g2", 1, 2]),
        ({"on_hand": {"k": "inc", "v": -7, "b": []}}, "stock_lot", lot, ["g3", 0, 2]),
    ]
    for fields, kind, rec, member in group:
        device.write(rec, kind, fields, group=member)
    answer = device.send()
    assert [(each["v"], each.get("why")) for each in answer["verdicts"]] == [
        ("applied", None), ("applied", None), ("applied", None),
        ("quarantined", "bad_value"), ("quarantined", "group_rejected"), ("quarantined", "bad_group"),
    ]  # fmt: skip
    assert value("SELECT on_hand FROM k_stock_lot") == 9
    assert fold_anew(db.session()).ok


def test_unknown_kind_and_field_are_stored_and_forwarded_p_41(world: World) -> None:
    device, reader = world.device("a"), world.device("b")
    device.create_hazard(rec_id(1), colour_of_future="teal")
    device.write(rec_id(2), "hologram", {"scope": reg(STATION), "shape": reg({"sides": 7})})
    answer = device.send()
    assert [each["v"] for each in answer["verdicts"]] == ["applied", "applied"]
    reader.pull_all()
    assert reader.states[rec_id(1)]["reg"]["colour_of_future"][1] == "teal"
    assert reader.states[rec_id(2)]["reg"]["shape"][1] == {"sides": 7}
    assert fold_anew(db.session()).ok


def test_two_unseen_edits_of_one_field_are_one_open_conflict_until_resolved(world: World) -> None:
    a, b = world.device("a"), world.device("b", user="u_head07")
    base = a.create_hazard(rec_id(1))
    a.send()
    left = a.write(rec_id(1), "hazard", {"severity": reg("major", base)})
    a.send()
    right = b.write(rec_id(1), "hazard", {"severity": reg("general", base)})
    answer = b.send()
    assert answer["verdicts"][0]["v"] == "conflict"
    assert value("SELECT COUNT(*) FROM conflict WHERE closed_at IS NULL") == 1
    assert value("SELECT id FROM conflict") == answer["verdicts"][0]["conflict"]
    assert value("SELECT severity FROM k_hazard") == "major", "the cautious value is shown"
    assert value("SELECT COUNT(*) FROM k_hazard WHERE in_dispute") == 1
    b.write(rec_id(1), "hazard", {"place": reg("二号楼")})
    b.send()
    assert value("SELECT COUNT(*) FROM conflict WHERE closed_at IS NULL") == 1, "a later good sync closes nothing"
    b.write(rec_id(1), "hazard", {"severity": reg("general", left, right)})
    b.send()
    assert value("SELECT COUNT(*) FROM conflict WHERE closed_at IS NULL") == 0
    assert value("SELECT severity FROM k_hazard") == "general"
    assert fold_anew(db.session()).ok


def test_the_same_device_on_a_shared_record_never_conflicts_with_itself(world: World) -> None:
    device = world.device("a")
    stamp = device.create_hazard(rec_id(1))
    for turn in range(20):
        stamp = device.write(rec_id(1), "hazard", {"place": reg(f"第{turn}次", stamp)})
        if turn % 3 == 0:
            device.send(device.body())
    device.send(device.body())
    assert count("conflict") == 0
    assert value("SELECT place FROM k_hazard") == "第19次"


def test_a_personal_record_never_enters_the_town_scope_m_50(world: World) -> None:
    device = world.device("a")
    device.write(rec_id(1), "person", {"scope": reg("town"), "name": reg("张三")})
    device.write(rec_id(2), "person", {"scope": reg("town"), "name": reg("李四")}, scope="town")
    base = device.write(rec_id(3), "person", {"scope": reg(STATION), "name": reg("王五")})
    device.write(rec_id(3), "person", {"scope": reg("town", base)})
    answer = device.send()
    assert [each.get("why") for each in answer["verdicts"]] == ["bad_scope", "bad_scope", None, "bad_scope"]
    assert count("k_person") == 1
