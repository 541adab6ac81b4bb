"""Workbooks: text stays text, formulas stay words, people stay masked, and each says how complete it is."""

from __future__ import annotations

import io
import itertools
import re
import zipfile
from collections.abc import Iterator

import openpyxl
import pytest
from sqlalchemy.orm import Session

from server.centre.documents import EXPORTED
from server.centre.export import WIRE_NAMES, export_kind
from server.centre.lists import ListQuery
from server.centre.reader import Reader
from server.centre.tables import kind_named
from server.db import db, reading
from server.ledger.write import append
from tests.server.centre.town import FORMULA, FULL_NAME, ID_NO, NOW_MS, PHONE
from tests.server.edge.people import SCOPE


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
    assert "欧阳**" in text
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


def test_machine_names_stand_on_a_hidden_sheet_only(session: Session, operator: Reader) -> None:
    declared = kind_named("hazard")
    assert declared is not None
    data = export_kind(session, operator, declared, ListQuery(), NOW_MS, stamp="数据截至 10:00", who="值班员", town="示例镇", reason=None)
    book = openpyxl.load_workbook(io.BytesIO(data))
    assert [(sheet.title, sheet.sheet_state) for sheet in book] == [("隐患", "visible"), ("说明", "visible"), (WIRE_NAMES, "hidden")]
    labels, hints, first = (list(row) for row in book.worksheets[0].iter_rows(max_row=3, values_only=True))
    wire = dict(book[WIRE_NAMES].iter_rows(values_only=True))
    assert list(wire) == labels
    assert (wire["居村"], wire["隐患类型"]) == ("scope", "hazard_type")
    assert not any(name in str(hint).split("；") for name in wire.values() for hint in hints)
    assert first[0]  # data still begins in the third row, as in workbooks of before


def test_codes_are_written_in_official_words(session: Session, operator: Reader) -> None:
    text = parts(session, operator, "hazard")["xl/sharedStrings.xml"]
    assert "整改中" in text
    assert "第七居委会" in text
    assert "幸福小区" in text


def test_a_head_exports_only_his_own_station(session: Session, head: Reader) -> None:
    assert "北门井盖破损" not in parts(session, head, "hazard")["xl/sharedStrings.xml"]


BOOBY_TRAPS = ("=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x.invalid","x")', "%3D1", "＝1+1", "{=1}", "http://x.invalid", "mailto:a@b")


def spoil(kind: str, words: Iterator[str]) -> None:
    """A record of the kind with a trap in every field that takes words, and in some that do not."""
    declared = kind_named(kind)
    assert declared is not None
    fields = {
        field.name: {"k": "reg", "v": next(words), "b": []}
        for field in declared.fields
        if field.type in ("text", "note", "choice", "date", "user", "ref", "decimal2", "int") and field.merge in ("register", "cautious")
    }
    scope = {"k": "reg", "v": SCOPE, "b": []}
    [written] = append(db.session(), "u_trap", [{"rec": "0198-trap-" + kind.replace("_", "-"), "kind": kind, "scope": SCOPE, "f": {**fields, "scope": scope}}])
    assert written.verdict == "applied", written


@pytest.mark.usefixtures("town")
def test_no_cell_of_any_export_is_a_formula_or_a_link(operator: Reader) -> None:
    words, texts = itertools.cycle(BOOBY_TRAPS), set()
    for kind in EXPORTED:
        spoil(kind, words)
    with reading() as session:
        for kind in EXPORTED:
            declared = kind_named(kind)
            assert declared is not None
            query = ListQuery(word="=1+1")
            for asked in (ListQuery(), query):
                data = export_kind(session, operator, declared, asked, NOW_MS, stamp="=1+1", who="@SUM(1)", town="=2+2", reason="=cmd|' /C calc'!A0")
                book = openpyxl.load_workbook(io.BytesIO(data))
                for cell in (cell for sheet in book for row in sheet.iter_rows() for cell in row):
                    assert cell.data_type in ("s", "n"), (kind, cell.coordinate, cell.value)
                    assert cell.hyperlink is None
                    if isinstance(cell.value, str) and cell.value in BOOBY_TRAPS:
                        texts.add(cell.value)
                        assert cell.quotePrefix, "still text when somebody edits it"
                assert not book.defined_names
                assert all(sheet.title[0] not in "=+-@" for sheet in book)
    assert texts >= {"=1+1", "+1+1", "-1+1", "@SUM(1)"}
