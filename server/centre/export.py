"""Workbooks: a list as a real .xlsx that Excel cannot misread and nobody can booby-trap.

Owns the layout: row 1 labels, row 2 explanations, then data; a second sheet says what the workbook is and how complete; a hidden third one
gives the wire name of every column, for programs.
Invariants: identity numbers, telephones and codes are text cells (Excel keeps 15 digits only); every text cell carries
Excel's own quote prefix and is never a formula, not even after the cell is edited; personal values come masked unless
the caller hands over an audited reason.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import xlsxwriter
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.centre.conditions import today_of
from server.centre.lists import NEVER_SHOWN, ListQuery, conditions, ordered
from server.centre.masking import mask_value
from server.centre.naming import names_in, station_names
from server.centre.reader import Reader
from server.centre.tables import (
    TOWN_TIME,
    declared_columns,
    station_of,
    table_of,
    values_of,
)
from sync.fields import Field, Kind

ROWS_MAX = 100_000
BATCH = 1000
CELL_MAX = 32_000
# People need no machine names; whoever reads workbooks by program finds them here.
WIRE_NAMES = "字段名"
OMITS = ("geometry", "track", "sections")
TYPE_ZH = {
    "text": "文字", "note": "文字", "int": "整数", "decimal2": "两位小数", "bool": "是/否", "choice": "选项", "choices": "多选",
    "time": "时间（北京时间）", "date": "日期", "ref": "关联记录", "user": "人员账号", "point": "经纬度（WGS-84）", "json": "结构数据",
    "file": "文件", "chunk": "轨迹",
}  # fmt: skip


def columns_of(kind: Kind) -> list[Field]:
    """The exported fields of a kind in declared order."""
    hidden = NEVER_SHOWN.get(kind.name, ()) + OMITS
    return [field for field, _ in declared_columns(kind) if field.name not in hidden]


def explain(field: Field) -> str:
    """Second header row: type, unit and list, so that a workbook explains itself."""
    parts = [TYPE_ZH.get(field.type, field.type)]
    if field.unit:
        parts.append(f"单位：{field.unit}")
    if field.choices is not None:
        parts.append("/".join(choice.zh for choice in field.choices.choices))
    if field.privacy != "none":
        parts.append("个人信息，默认脱敏")
    return "；".join(parts)


def cell_of(field: Field, value: Any, names: dict[str, dict[str, str]]) -> str | int | float:
    """A value as a cell: numbers only for true quantities, everything else text. What is no value of its type is shown as it stands."""
    try:
        return _typed_cell(field, value, names)
    except (ValueError, TypeError, ArithmeticError, OSError):
        return str(value)[:CELL_MAX]


def _typed_cell(field: Field, value: Any, names: dict[str, dict[str, str]]) -> str | int | float:
    if value is None:
        return ""
    if field.type == "int" and isinstance(value, int) and not isinstance(value, bool):
        return value
    if field.type == "decimal2":
        return float(Decimal(str(value)))
    if isinstance(value, bool):
        return "是" if value else "否"
    if field.choices is not None:
        words = {choice.code: choice.zh for choice in field.choices.choices}
        codes = value if isinstance(value, list) else [value]
        return "、".join(words.get(str(code), str(code)) for code in codes)
    if field.type == "time" and isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, TOWN_TIME).strftime("%Y-%m-%d %H:%M:%S")
    if field.type == "user":
        return names["users"].get(str(value), str(value))
    if field.codes is not None:
        each = value if isinstance(value, list) else [value]
        return "、".join(names["refs"].get(str(code), str(code)) for code in each)[:CELL_MAX]
    if field.type == "ref":
        return names["refs"].get(str(value), str(value))
    if field.type == "point" and isinstance(value, dict):
        return f"{value.get('lon_e7', 0) / 1e7:.6f},{value.get('lat_e7', 0) / 1e7:.6f}"
    if isinstance(value, list | dict):
        import orjson

        return orjson.dumps(value).decode()[:CELL_MAX]
    return str(value)[:CELL_MAX]


def load_rows(
    session: Session, reader: Reader, kind: Kind, query: ListQuery, now_ms: int, *, unmasked: bool
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Rows in list order with what their references are called; bounded by ROWS_MAX."""
    table = table_of(kind.name)
    statement = ordered(select(table).where(conditions(reader, kind, query, today_of(session, now_ms))), kind, query.sort).limit(ROWS_MAX)
    rows = session.execute(statement.execution_options(yield_per=BATCH)).mappings()
    for part in rows.partitions(BATCH):
        values = [values_of(kind, row) for row in part]
        names = names_in(session, reader, kind, values)
        for row, raw in zip(part, values, strict=True):
            shown = raw if unmasked else {name: mask_value(kind, kind.field(name), value) for name, value in raw.items()}
            yield {"scope": row["scope"], "updated_at": row["updated_at"], "in_dispute": row["in_dispute"], "v": shown}, names


def workbook(
    kind: Kind,
    rows: Iterable[tuple[dict[str, Any], dict[str, Any]]],
    stations: dict[str, str],
    about: list[tuple[str, str]],
) -> bytes:
    """Write the workbook. `about` fills the sheet 说明: the completeness stamp comes first."""
    buffer = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    book = xlsxwriter.Workbook(buffer, options)
    text = book.add_format({"num_format": "@", "quote_prefix": True, "valign": "top"})
    number = book.add_format({"num_format": "#,##0.##", "valign": "top"})
    head = book.add_format({"bold": True, "bg_color": "#E6EFFA", "border": 1, "num_format": "@"})
    hint = book.add_format({"font_color": "#4A5560", "italic": True, "text_wrap": True, "valign": "top", "num_format": "@"})
    sheet = book.add_worksheet(kind.zh[:31])
    fields = columns_of(kind)
    labels = ["居村", *(field.zh for field in fields), "有争议", "最后更新"]
    hints = ["所属居村站点", *(explain(field) for field in fields), "同一字段有未裁决的不同填报", "中心收到的最后一次更新（北京时间）"]
    for column, (label, words) in enumerate(zip(labels, hints, strict=True)):
        sheet.write_string(0, column, label, head)
        sheet.write_string(1, column, words, hint)
        sheet.set_column(column, column, max(10, min(36, len(label) * 2 + 8)))
    sheet.set_row(1, 48)
    sheet.freeze_panes(2, 1)
    last = 1
    for last, (row, names) in enumerate(rows, start=2):
        code = station_of(row["scope"])
        sheet.write_string(last, 0, stations.get(code or "", code or "全镇"), text)
        for column, field in enumerate(fields, start=1):
            cell = cell_of(field, row["v"].get(field.name), names)
            if isinstance(cell, str):
                if cell:
                    sheet.write_string(last, column, cell, text)
            else:
                sheet.write_number(last, column, cell, number)
        sheet.write_string(last, len(fields) + 1, "是" if row["in_dispute"] else "", text)
        moment = datetime.fromtimestamp(row["updated_at"] / 1000, TOWN_TIME).strftime("%Y-%m-%d %H:%M")
        sheet.write_string(last, len(fields) + 2, moment, text)
    sheet.autofilter(1, 0, max(last, 1), len(labels) - 1)
    sheet.set_landscape()
    sheet.repeat_rows(0, 1)
    sheet.set_footer(f"&L{about[0][1][:120]}&R第 &P 页 / 共 &N 页")
    notes = book.add_worksheet("说明")
    notes.set_column(0, 0, 18)
    notes.set_column(1, 1, 90)
    for line, (name, value) in enumerate([*about, ("行数", str(max(0, last - 1)))]):
        notes.write_string(line, 0, name, head)
        notes.write_string(line, 1, value, text)
    wire = book.add_worksheet(WIRE_NAMES)
    for line, (label, name) in enumerate(zip(labels, ("scope", *(field.name for field in fields), "in_dispute", "updated_at"), strict=True)):
        wire.write_string(line, 0, label, text)
        wire.write_string(line, 1, name, text)
    wire.hide()
    book.close()
    return buffer.getvalue()


def export_kind(
    session: Session, reader: Reader, kind: Kind, query: ListQuery, now_ms: int,
    *, stamp: str, who: str, town: str, reason: str | None,
) -> bytes:  # fmt: skip
    """The workbook of one list. `reason` not empty: personal values in clear; the caller has written the audit line."""
    stations = station_names(session)
    where = [f"搜索:{query.q}"] if query.q else []
    where += [f"居村:{stations.get(query.station, query.station)}"] if query.station else []
    where += [f"{name}={'、'.join(values)}" for name, values in query.equal.items()]
    where += [f"范围:{query.word}"] if query.word else []
    about = [
        ("数据完整性", stamp),
        ("表名", f"{town} {kind.zh}台账"),
        ("导出时间", datetime.fromtimestamp(now_ms / 1000, TOWN_TIME).strftime("%Y-%m-%d %H:%M:%S")),
        ("导出人", who),
        ("筛选条件", ";".join(where) or "无"),
        ("个人信息", f"未脱敏，事由:{reason}(已留痕)" if reason else "已脱敏"),
        ("争议数据", "“有争议”列为“是”的行，显示值为较谨慎或较新的填报，尚未裁决。"),
    ]
    rows = load_rows(session, reader, kind, query, now_ms, unmasked=reason is not None)
    return workbook(kind, rows, stations, about)
