"""Lists: scope, search, filters, paging, and what a list of people never gives away."""

from __future__ import annotations

import orjson
import pytest
from sqlalchemy.orm import Session

from server.centre.lists import ListQuery, list_records, parse_filter, search_all
from server.centre.reader import Reader
from tests.server.centre.town import (
    CODE,
    DISPUTED,
    ELSEWHERE,
    FULL_NAME,
    ID_NO,
    ITEM,
    MAJOR,
    NOW_MS,
    OTHER_CODE,
    OVERDUE,
    PERSON,
    PHONE,
    SHELTER,
)  # fmt: skip


def ids(session: Session, reader: Reader, kind: str, **query: object) -> list[str]:
    """Ids of a list in order."""
    return [item["id"] for item in list_records(session, reader, kind, ListQuery(**query), NOW_MS)["items"]]  # type: ignore[arg-type]


def test_a_head_never_lists_a_record_of_another_station(session: Session, head: Reader) -> None:
    assert ELSEWHERE not in ids(session, head, "hazard")
    assert ids(session, head, "hazard", station=OTHER_CODE) == []


def test_an_operator_narrows_to_a_station(session: Session, operator: Reader) -> None:
    assert ids(session, operator, "hazard", station=OTHER_CODE) == [ELSEWHERE]


def test_search_matches_code_title_and_official_state_words(session: Session, operator: Reader) -> None:
    assert ids(session, operator, "hazard", q="A-0001") == [MAJOR]
    assert ids(session, operator, "hazard", q="通道") == [MAJOR]
    assert ids(session, operator, "hazard", q="整改中") == [OVERDUE]


@pytest.mark.parametrize("text", ["%", "_", "100%", "\\"])
def test_search_characters_of_sql_match_only_themselves(session: Session, operator: Reader, text: str) -> None:
    assert ids(session, operator, "hazard", q=text) == []


def test_filters_combine(session: Session, operator: Reader) -> None:
    equal = parse_filter("severity:major;status:found|registered")
    assert set(ids(session, operator, "hazard", equal=equal)) == {MAJOR, DISPUTED}


def test_an_unknown_filter_or_word_selects_nothing_rather_than_everything(session: Session, operator: Reader) -> None:
    assert ids(session, operator, "hazard", equal={"no_such_field": ("1",)}) == []
    assert ids(session, operator, "hazard", word="no_such_word") == []


def test_pages_are_stable_and_complete(session: Session, operator: Reader) -> None:
    pages = [ids(session, operator, "hazard", size=2, page=page, sort="code") for page in (1, 2, 3)]
    flat = [each for page in pages for each in page]
    assert len(flat) == len(set(flat)) == 5


def test_disputed_rows_can_be_listed(session: Session, operator: Reader) -> None:
    assert ids(session, operator, "hazard", word="disputed") == [DISPUTED]


def test_a_list_of_people_is_masked(session: Session, operator: Reader) -> None:
    listed = list_records(session, operator, "person", ListQuery(station=CODE), NOW_MS)
    text = orjson.dumps(listed).decode()
    for secret in (FULL_NAME, ID_NO, PHONE, "501室", "糖尿病", "oycs"):
        assert secret not in text
    person = next(item for item in listed["items"] if item["id"] == PERSON)
    assert person["v"]["name"] == "欧阳**"
    assert person["v"]["address"] == "示例镇第七居委会***"


def test_a_person_is_found_by_name_or_whole_number_but_not_by_part_of_a_number(session: Session, operator: Reader) -> None:
    assert ids(session, operator, "person", q="欧阳") == [PERSON]
    assert ids(session, operator, "person", q=PHONE) == [PERSON]
    assert ids(session, operator, "person", q=PHONE[:7]) == []
    assert ids(session, operator, "person", q="310115") == []


def test_a_masked_field_cannot_be_filtered_or_sorted_by(session: Session, operator: Reader) -> None:
    assert ids(session, operator, "person", equal={"phone": (PHONE,)}) == []
    assert ids(session, operator, "person", sort="id_no") == ids(session, operator, "person")


def test_references_come_with_their_names(session: Session, operator: Reader) -> None:
    listed = list_records(session, operator, "person", ListQuery(q="欧阳"), NOW_MS)
    assert listed["refs"][SHELTER] == "中学体育馆"
    # A block stands by its code in a record, and by its name on a screen.
    assert list_records(session, operator, "hazard", ListQuery(), NOW_MS)["refs"]["B-1"] == "幸福小区"


def test_titles_of_referenced_people_are_masked(session: Session, operator: Reader) -> None:
    listed = list_records(session, operator, "transfer", ListQuery(), NOW_MS)
    assert listed["refs"][PERSON] == "欧阳**"


def test_an_item_shows_what_may_be_counted_on_of_it(session: Session, operator: Reader) -> None:
    listed = list_records(session, operator, "stock_item", ListQuery(q="沙袋"), NOW_MS)
    assert listed["extra"][ITEM]["on_hand"] == 60


def test_the_search_box_finds_across_kinds_within_the_readers_scope(session: Session, operator: Reader, head: Reader) -> None:
    assert {row["kind"] for row in search_all(session, operator, "第七", NOW_MS)} >= {"station"}
    assert search_all(session, head, "北门井盖破损", NOW_MS) == []
    assert [row["id"] for row in search_all(session, operator, "井盖破损", NOW_MS) if row["kind"] == "hazard"] == [ELSEWHERE]
