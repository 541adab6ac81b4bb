"""The first page: figures right, equal to the lists behind them, limited to the reader, honest about what is missing."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from server.centre.freshness import completeness, load_handhelds, stamp_text
from server.centre.lists import ListQuery, list_records
from server.centre.overview import overview
from server.centre.reader import Reader
from server.db import db, reading
from server.ledger import write
from tests.server.centre.town import CODE, EVENT, NOW_MS, OTHER_CODE, create
from tests.server.ledger.world import OPERATOR, rec_id


def figures(session: Session, reader: Reader) -> dict[str, object]:
    """The overview with its devices."""
    return overview(session, reader, load_handhelds(session, reader, NOW_MS), NOW_MS)


def test_town_figures_count_what_the_stations_reported(session: Session, operator: Reader) -> None:
    town = figures(session, operator)["town"]
    assert isinstance(town, dict)
    expected = {
        "hazards_open": 4, "hazards_major": 2, "hazards_overdue": 1, "stock_below": 1, "stock_expiring": 1,
        "stock_expired": 1, "people": 3, "people_incomplete": 1, "patrols_today": 1, "patrols_done_today": 1,
        "conflicts": 1, "quarantine": 1,
    }  # fmt: skip
    assert {name: town[name] for name in expected} == expected
    assert town["transfers_by_status"] == {"arrived": 1, "missing": 1, "refused": 1, "notified": 1}


def test_a_disputed_severity_counts_as_the_more_cautious_one(session: Session, operator: Reader) -> None:
    station = next(row for row in figures(session, operator)["stations"] if row["code"] == CODE)  # type: ignore[attr-defined]
    assert station["hazards_major"] == 2
    assert station["conflicts"] == 1


def test_a_silent_station_is_listed_with_zeros(session: Session, operator: Reader) -> None:
    rows = {row["code"]: row for row in figures(session, operator)["stations"]}  # type: ignore[attr-defined]
    assert rows[OTHER_CODE]["patrols_today"] == 0
    assert rows[OTHER_CODE]["last_contact_ms"] is None


def test_the_running_event_is_the_one_people_are_moved_for(session: Session, operator: Reader) -> None:
    event = figures(session, operator)["event"]
    assert isinstance(event, dict)
    assert (event["id"], event["exercise"]) == (EVENT, True)


def test_a_head_sees_only_his_own_station(session: Session, head: Reader) -> None:
    found = figures(session, head)
    assert [row["code"] for row in found["stations"]] == [CODE]  # type: ignore[attr-defined]
    town = found["town"]
    assert isinstance(town, dict)
    assert (town["hazards_open"], town["people"]) == (3, 2)


@pytest.mark.parametrize(
    ("figure", "kind", "word"),
    [
        ("hazards_open", "hazard", "open"), ("hazards_major", "hazard", "major"), ("hazards_overdue", "hazard", "overdue"),
        ("stock_below", "stock_item", "below"), ("stock_expiring", "stock_lot", "expiring"),
        ("stock_expired", "stock_lot", "expired"), ("patrols_today", "patrol", "today"),
        ("people_incomplete", "person", "incomplete"),
    ],
)  # fmt: skip
def test_a_tile_and_the_list_it_opens_never_disagree(
    session: Session, operator: Reader, figure: str, kind: str, word: str
) -> None:
    town = figures(session, operator)["town"]
    assert isinstance(town, dict)
    listed = list_records(session, operator, kind, ListQuery(word=word), NOW_MS)
    assert listed["total"] == town[figure] > 0


def test_the_stamp_says_what_handhelds_still_hold(session: Session, operator: Reader) -> None:
    stamp = completeness(load_handhelds(session, operator, NOW_MS), NOW_MS)
    assert (stamp["devices_unsent"], stamp["ops_unsent"], stamp["files_unsent"]) == (1, 7, 12)
    assert (stamp["never_seen"], stamp["silent"]) == (1, 1)
    assert "1 台终端有 7 条记录、12 个文件未上报" in stamp_text(stamp)


def test_a_revoked_device_no_longer_counts_as_holding_work(session: Session, operator: Reader) -> None:
    stamp = completeness(load_handhelds(session, operator, NOW_MS), NOW_MS)
    assert stamp["ops_unsent"] < 99


def test_the_stamp_of_a_head_is_about_his_own_devices(session: Session, head: Reader) -> None:
    stamp = completeness(load_handhelds(session, head, NOW_MS), NOW_MS)
    assert (stamp["devices"], stamp["never_seen"]) == (2, 0)


def test_the_expiry_period_is_the_towns_setting(town: None, operator: Reader) -> None:
    write.append(db.session(), OPERATOR, [create("setting", rec_id(71), "town", key="expiry_warn_days", value=5)], at_ms=NOW_MS)
    with reading() as session:
        found = figures(session, operator)["town"]
    assert isinstance(found, dict)
    assert found["stock_expiring"] == 0
