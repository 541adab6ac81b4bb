"""Workbooks: text stays text, formulas stay words, people stay masked, and each says how complete it is."""

from __future__ import annotations

import io
import re
import zipfile

from sqlalchemy.orm import Session

from server.centre.export import export_kind
from server.centre.lists import ListQuery
from server.centre.reader import Reader
from server.centre.tables import kind_named
from tests.server.centre.town import FORMULA, FULL_NAME, ID_NO, NOW_MS, PHONE


def parts(session: Session, reader: Reader, kind: str, reason: str | None = None) -> dict[str, str]:
    """The XML parts of an exported workbook."""
    declared = kind_named(kind)
    assert declared is not None
    data = export_kind(
        session, reader, declared, ListQuery(), NOW_MS, stamp="数据截至 10:00", who="值班员", town="示例镇", reason=reason
    )
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        return {name: book.read(name).decode() for name in book.namelist() if name.endswith(".xml")}


def test_a_cell_that_looks_like_a_formula_stays_text(session: Session, operator: Reader) -> None:
    book = parts(session, operator, "hazard")
    assert "<f>" not in book["xl/worksheets/sheet1.xml"]
    assert "hyperlink" not in book["xl/worksheets/sheet1.xml"].lower()
    assert FORMULA.replace('"', "&quot;") in book["xl/sharedStrings.xml"] or FORMULA in book["xl/sharedStrings.xml"]
    assert 'quotePrefix="1"' in book["xl/styles.xml"]


def test_a_workbook_of_people_is_masked_by_default(session: Session, operator: Reader) -> None:
    text = parts(session, operator, "person")["xl/sharedStrings.xml"]
    for secret in (FULL_NAME, ID_NO, PHONE, "糖尿病", "oycs"):
        assert secret not in text
    assert "欧阳*" in text
    assert "已脱敏" in text


def test_identity_numbers_keep_all_their_digits_when_a_reason_was_given(session: Session, operator: Reader) -> None:
    book = parts(session, operator, "person", reason="汛前名册核对")
    assert ID_NO in book["xl/sharedStrings.xml"]
    assert not re.search(r"<v>3101151940010112\d\d</v>", book["xl/worksheets/sheet1.xml"])
    assert "汛前名册核对" in book["xl/sharedStrings.xml"]


def test_the_second_row_explains_and_a_sheet_states_completeness(session: Session, operator: Reader) -> None:
    text = parts(session, operator, "hazard")["xl/sharedStrings.xml"]
    assert "重大/一般" in text
    assert "数据截至 10:00" in text


def test_codes_are_written_in_official_words(session: Session, operator: Reader) -> None:
    text = parts(session, operator, "hazard")["xl/sharedStrings.xml"]
    assert "整改中" in text
    assert "第七居委会" in text


def test_a_head_exports_only_his_own_station(session: Session, head: Reader) -> None:
    assert "北门井盖破损" not in parts(session, head, "hazard")["xl/sharedStrings.xml"]
