"""Questions no person would ask are answered or refused, never a server error, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from server.centre.detail import record_detail
from server.centre.lists import ListQuery, list_records
from server.centre.quarantine import visible_scope
from server.centre.reader import Reader
from server.centre.schemas import ListAskSchema
from server.kinds import KINDS
from tests.server.centre.town import NOW_MS


def test_a_nul_in_a_question_is_left_out(session: Session, operator: Reader) -> None:
    query = ListAskSchema().load({"q": "a\x00b", "filter": "status:\x00found"})
    assert query["q"] == "ab"
    assert record_detail(session, operator, "x\x00") is None


@pytest.mark.parametrize("value", ["9" * 40, "-1", "²", "x"])
def test_a_number_no_column_can_hold_matches_nothing(session: Session, operator: Reader, value: str) -> None:
    found = list_records(session, operator, "person", ListQuery(equal={"group_size": (value,)}), NOW_MS)
    assert found["total"] == 0


@pytest.mark.parametrize("entry", [0, 2**80])
def test_an_entry_number_that_cannot_exist_is_not_found(session: Session, entry: int) -> None:
    assert visible_scope(session, entry) is None


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_can_be_listed_searched_and_sorted_by_any_field(session: Session, operator: Reader, kind: str) -> None:
    for field in KINDS[kind].fields:
        list_records(session, operator, kind, ListQuery(q="一", sort=f"-{field.name}", equal={field.name: ("1",)}), NOW_MS)
