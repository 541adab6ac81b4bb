"""One record: its values, candidates, files, and a history told from the op log alone."""

from __future__ import annotations

import orjson
import pytest
from sqlalchemy.orm import Session

from server.centre import blobs
from server.centre.conflicts import list_conflicts
from server.centre.detail import record_detail
from server.centre.history import history
from server.centre.quarantine import list_quarantine
from server.centre.reader import Reader
from server.centre.unmask import unmask
from server.db import db, reading
from server.errors import ProblemError
from tests.server.centre.town import (
    CODE,
    DISPUTED,
    ELSEWHERE,
    FULL_NAME,
    ID_NO,
    MAJOR,
    NOW_MS,
    PERSON,
    PHONE,
    PHOTO_SHA,
)  # fmt: skip
from tests.server.ledger.world import HEAD, PATROLLER, RIGHTS


@pytest.fixture(autouse=True)
def _no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "complete_among", lambda session, hashes: set())


def test_history_tells_who_when_on_which_device_and_what_he_saw(session: Session) -> None:
    told = history(session, DISPUTED, "hazard")
    assert told["total"] == 3
    last, middle, first = told["items"]
    assert (last["user"], last["user_name"], last["device"]["letter"]) == (HEAD, "站长甲", "B")
    assert (middle["user"], middle["device"]["letter"]) == (PATROLLER, "A")
    severity = next(change for change in middle["changes"] if change["field"] == "severity")
    assert (severity["old"], severity["new"], severity["saw"]) == (["general"], "major", "general")
    assert severity["bases"] == [first["stamp"]]


def test_the_initials_of_a_name_are_masked_like_the_name(session: Session, operator: Reader) -> None:
    told = orjson.dumps([record_detail(session, operator, PERSON), history(session, PERSON, "person")]).decode()
    assert '"pinyin"' in told
    assert "oycs" not in told


def test_history_gives_device_time_corrected_time_and_time_of_receipt(session: Session) -> None:
    last = history(session, DISPUTED, "hazard")["items"][0]
    assert last["skew"] == -41
    assert last["at_c_ms"] != last["rx_ms"]
    assert last["rx_ms"] == NOW_MS - 800
    assert last["verdict"] == "conflict"


def test_history_is_paged(session: Session) -> None:
    assert len(history(session, DISPUTED, "hazard", page=2, size=2)["items"]) == 1


def test_history_of_a_person_is_masked(session: Session) -> None:
    text = orjson.dumps(history(session, PERSON, "person")).decode()
    for secret in (FULL_NAME, ID_NO, PHONE, "糖尿病"):
        assert secret not in text


def test_detail_lists_every_candidate_and_the_heads_to_write_against(session: Session, operator: Reader) -> None:
    found = record_detail(session, operator, DISPUTED)
    assert found is not None
    (dispute,) = found["disputes"]
    assert dispute["field"] == "severity"
    assert {head["value"] for head in dispute["heads"]} == {"major", "general"}
    assert sorted(found["heads"]["severity"]) == sorted(head["stamp"] for head in dispute["heads"])
    assert found["v"]["severity"] == "major"


def test_a_photo_that_has_not_arrived_is_not_counted_as_delivered(session: Session, operator: Reader) -> None:
    found = record_detail(session, operator, MAJOR)
    assert found is not None
    assert found["files"] == {"total": 1, "delivered": 0}
    assert found["attachments"][0]["sha256"] == PHOTO_SHA


def test_an_arrived_photo_counts(session: Session, operator: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "complete_among", lambda session, hashes: set(hashes))
    found = record_detail(session, operator, MAJOR)
    assert found is not None
    assert found["files"] == {"total": 1, "delivered": 1}


def test_detail_of_a_person_masks_values_and_wire_state(session: Session, operator: Reader) -> None:
    found = record_detail(session, operator, PERSON)
    assert found is not None
    text = orjson.dumps(found).decode()
    for secret in (FULL_NAME, ID_NO, PHONE, "糖尿病", "501室"):
        assert secret not in text
    assert "name" in found["masked"]


def test_a_head_cannot_open_a_record_of_another_station(session: Session, head: Reader) -> None:
    assert record_detail(session, head, ELSEWHERE) is None


def test_conflicts_show_both_sides_and_stay_within_scope(session: Session, operator: Reader, head: Reader) -> None:
    found = list_conflicts(session, operator)
    assert found["total"] == 1
    assert len(found["items"][0]["heads"]) == 2
    assert list_conflicts(session, head)["total"] == 1
    assert list_conflicts(session, operator, station="310199101008")["total"] == 0


def test_what_was_set_aside_is_shown_with_its_reason(session: Session, operator: Reader, head: Reader) -> None:
    (entry,) = list_quarantine(session, operator)["items"]
    assert entry["why"] == "scope_revoked"
    assert entry["station"] == CODE
    assert {change["field"] for change in entry["changes"]} >= {"title", "severity"}
    assert list_quarantine(session, head)["total"] == 1


def test_unmasking_leaves_its_trace_before_it_shows_anything(town: None, operator: Reader) -> None:
    shown = unmask(db.session(), operator, RIGHTS, PERSON, ["name", "phone", "block"], "台风转移通知家属", NOW_MS, 300)
    assert shown["values"] == {"name": FULL_NAME, "phone": PHONE}
    with reading() as session:
        from sqlalchemy import select

        from server.accounts.models import Audit
        from server.centre.tables import table_of

        line = session.scalars(select(Audit).where(Audit.action == "unmask")).one()
        assert (line.target, line.detail["reason"]) == (PERSON, "台风转移通知家属")
        trace = session.execute(select(table_of("unmask"))).mappings().one()
        assert (trace["person"], trace["reason"]) == (PERSON, "台风转移通知家属")


def test_unmasking_another_stations_person_is_refused_without_a_trace(town: None, head: Reader) -> None:
    from tests.server.centre.town import PERSON_C

    with pytest.raises(ProblemError):
        unmask(db.session(), head, RIGHTS, PERSON_C, ["name"], "好奇看看", NOW_MS, 300)


def test_only_personal_fields_can_be_unmasked(town: None, operator: Reader) -> None:
    with pytest.raises(ProblemError):
        unmask(db.session(), operator, RIGHTS, MAJOR, ["title"], "没有必要", NOW_MS, 300)
