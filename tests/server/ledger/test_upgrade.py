"""A newer client and an older server: what the server does not know is stored, forwarded, and stands in its tables after the upgrade (P-41)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from server.db import db
from server.erasure.service import adopt
from server.ledger.catch_up import catch_up
from server.ledger.erasures import Erasure
from server.ledger.verify import fold_anew
from tests.compat.versions import two_releases_ago
from tests.server.ledger.world import START_MS, STATION, World, rec_id, reg


def rows(sql: str) -> list[Any]:
    found = [tuple(row) for row in db.session.execute(text(sql))]
    db.session.rollback()
    return found


def test_what_an_older_server_kept_stands_in_its_tables_after_the_upgrade_p_41(world: World) -> None:
    new, other = world.device("new"), world.device("other")
    with two_releases_ago():
        new.create_hazard(rec_id(1), note="渗水", place="3号楼")
        new.create_hazard(rec_id(2))
        new.write(rec_id(3), "patrol", {"scope": reg(STATION), "status": reg("ongoing"), "checkins": {"k": "log", "v": {"point_id": "p1"}}})
        new.write(rec_id(4), "stock_lot", {"scope": reg(STATION), "on_hand": {"k": "inc", "v": 7}})
        assert {each["v"] for each in new.send()["verdicts"]} == {"applied"}
        other.pull_all()
        assert other.states[rec_id(3)]["reg"]["status"] == [0, "ongoing"]
        assert rows("SELECT note FROM k_hazard ORDER BY id") == [(None,), (None,)]
        assert rows("SELECT id FROM k_patrol") == []
    assert catch_up(db.session(), START_MS) == 3
    assert rows("SELECT note, place FROM k_hazard ORDER BY id") == [("渗水", "3号楼"), (None, None)]
    assert rows("SELECT id, status FROM k_patrol") == [(rec_id(3), "ongoing")]
    assert rows("SELECT on_hand FROM k_stock_lot") == [(7,)]
    assert fold_anew(db.session()).ok
    # Nothing is left behind, and later writes meet their rows.
    assert catch_up(db.session(), START_MS) == 0
    new.write(rec_id(4), "stock_lot", {"on_hand": {"k": "inc", "v": -2}})
    new.send()
    assert rows("SELECT on_hand FROM k_stock_lot") == [(5,)]


def test_a_record_written_again_before_the_upgrade_is_finished_is_found_too(world: World) -> None:
    """An update of a row that is not there changes nothing: the record stays behind until it is brought up."""
    new = world.device("new")
    with two_releases_ago():
        new.write(rec_id(3), "patrol", {"scope": reg(STATION), "status": reg("ongoing")})
        new.send()
    new.write(rec_id(3), "patrol", {"summary": reg("巡查正常")})
    new.send()
    assert rows("SELECT id FROM k_patrol") == []
    assert catch_up(db.session(), START_MS) == 1
    assert rows("SELECT status, summary FROM k_patrol") == [("ongoing", "巡查正常")]


def test_what_was_erased_is_not_brought_back_p_43(world: World) -> None:
    new = world.device("new")
    stamp = new.create_hazard(rec_id(1), title="误报")
    new.send()
    erased = Erasure(rec_id(1), "hazard", STATION, START_MS, "request", "u_admin", frozenset({stamp}))
    adopt(db.session(), [erased], START_MS)
    assert catch_up(db.session(), START_MS) == 0
    assert rows("SELECT id FROM k_hazard") == []
