"""Typed lists: one kind, searched, filtered, sorted and paged, over the shown values.

Owns the list query for every kind. Values of people leave masked; a search never matches part of a masked value, and
sorting by one is refused, so that a list cannot be used to guess what it hides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Select,
    Table,
    and_,
    false,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Session

from server.centre.conditions import Today, lot_usable, only, today_of
from server.centre.masking import mask_value
from server.centre.naming import names_in, station_names
from server.centre.reader import Reader
from server.centre.tables import (
    declared_columns,
    entries_of,
    kind_named,
    station_of,
    table_of,
    values_of,
)
from server.seal import seal
from sync.fields import Kind

PAGE_SIZE = 50
PAGE_SIZE_MAX = 200
SEARCH_MAX = 60
INT_DIGITS_MAX = 15
# Search aids, not data: showing them would give away what the mask hides.
NEVER_SHOWN = {"person": ("pinyin",)}
# Names are the one personal field a roster must be searchable by; the answer is masked all the same.
SEARCHABLE_PERSONAL = ("name", "pinyin")
# Heavy values that no table shows.
LIST_OMITS = ("geometry", "track", "sections")


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list was asked for. `equal` maps field → accepted values; `word` is one of conditions.ONLY."""

    q: str = ""
    station: str | None = None
    equal: dict[str, tuple[str, ...]] = field(default_factory=dict)
    word: str | None = None
    sort: str = "-updated_at"
    page: int = 1
    size: int = PAGE_SIZE


def parse_filter(text: str) -> dict[str, tuple[str, ...]]:
    """`severity:major;status:found|failed` → {"severity": ("major",), "status": ("found", "failed")}."""
    wanted: dict[str, tuple[str, ...]] = {}
    for part in text.split(";"):
        name, _, values = part.partition(":")
        if name.strip() and values:
            wanted[name.strip()] = tuple(value for value in values.split("|") if value)
    return wanted


def like(text: str) -> str:
    """A LIKE pattern that matches the text anywhere and nothing else (escape character is a backslash)."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def search_condition(kind: Kind, text: str) -> ColumnElement[bool]:
    """Match plain texts anywhere; match an identity or telephone number only as a whole."""
    found: list[ColumnElement[bool]] = []
    # Notes about people may quote numbers that are masked when shown: digits must not find them piece by piece.
    guarded = kind.personal and any(character.isdigit() for character in text)
    for declared, column in declared_columns(kind):
        if declared.type not in ("text", "note", "choice") or (guarded and declared.type == "note"):
            continue
        if declared.privacy == "none" or declared.name in SEARCHABLE_PERSONAL:
            if declared.choices is not None:
                codes = [choice.code for choice in declared.choices.choices if text in choice.zh]
                if codes:
                    found.append(column.in_(codes))
            else:
                found.append(column.ilike(like(text), escape="\\"))
        elif declared.privacy == "sensitive":
            prefixes = seal.indexes_of(f"{kind.name}.{declared.name}", text)
            found += [column.startswith(prefix, autoescape=True) for prefix in prefixes]
    return or_(*found) if found else false()


def _equal_condition(kind: Kind, table: Table, name: str, values: tuple[str, ...]) -> ColumnElement[bool]:
    declared = kind.field_by_name.get(name)
    if declared is None or name not in table.c or (declared.privacy != "none"):
        return false()
    column = table.c[name]
    if isinstance(column.type, Boolean):
        return column.in_([value in ("1", "true", "yes") for value in values])
    if declared.type == "choices":
        return or_(*(column.like(like(f'"{value}"'), escape="\\") for value in values))
    if declared.type in ("int", "time"):
        return column.in_([int(value) for value in values if value.isdecimal() and len(value) <= INT_DIGITS_MAX])
    return column.in_(values)


def conditions(reader: Reader, kind: Kind, query: ListQuery, today: Today) -> ColumnElement[bool]:
    """Everything a row must satisfy, the reader's scope first."""
    table = table_of(kind.name)
    wanted = [reader.scopes(table.c.scope), table.c.life]
    if query.station is not None:
        if kind.scope == "station":
            wanted.append(reader.scopes(table.c.scope, query.station))
        elif "station_code" in table.c:
            wanted.append(table.c.station_code == query.station)
    if text := query.q.strip()[:SEARCH_MAX]:
        wanted.append(search_condition(kind, text))
    wanted += [_equal_condition(kind, table, name, values) for name, values in query.equal.items()]
    if query.word:
        wanted.append(only(kind.name, query.word, table, today))
    return and_(*wanted)


def ordered(statement: Select[Any], kind: Kind, sort: str) -> Select[Any]:
    """Order by a field or row column; `-` means descending. Masked fields cannot be sorted by."""
    table = table_of(kind.name)
    name = sort.lstrip("-")
    declared = kind.field_by_name.get(name)
    if name not in table.c or (declared is not None and declared.privacy != "none"):
        name, sort = "updated_at", "-updated_at"
    column = table.c[name]
    direction = column.desc() if sort.startswith("-") else column.asc()
    # NULLs last on both databases and both directions; the id makes paging stable.
    return statement.order_by(column.is_(None), direction, table.c.id)


def shown_row(kind: Kind, row: Any, omit: tuple[str, ...] = ()) -> dict[str, Any]:
    """One row as a table shows it: masked, without search aids, entries of a log as their number."""
    hidden = NEVER_SHOWN.get(kind.name, ()) + omit
    values = {name: value for name, value in values_of(kind, row).items() if name not in hidden}
    for declared in kind.fields:
        if declared.merge == "append" and declared.name in values:
            values[declared.name] = len(entries_of(values[declared.name]))
    masked = {name: mask_value(kind, kind.field(name), value) for name, value in values.items()}
    return {
        "id": row["id"], "kind": kind.name, "scope": row["scope"], "station": station_of(row["scope"]),
        "in_dispute": bool(row["in_dispute"]),
        "created_at": row["created_at"], "updated_at": row["updated_at"], "v": masked,
    }  # fmt: skip


def list_records(session: Session, reader: Reader, kind_name: str, query: ListQuery, now_ms: int) -> dict[str, Any]:
    """One page: {kind, total, page, size, items, users, refs, stations, extra}. KeyError for an unknown kind."""
    kind = kind_named(kind_name)
    if kind is None:
        raise KeyError(kind_name)
    table = table_of(kind_name)
    today = today_of(session, now_ms)
    where = conditions(reader, kind, query, today)
    size = max(1, min(query.size, PAGE_SIZE_MAX))
    page = max(1, query.page)
    total = session.scalar(select(func.count()).select_from(table).where(where)) or 0
    statement = ordered(select(table).where(where), kind, query.sort).limit(size).offset((page - 1) * size)
    rows = session.execute(statement).mappings().all()
    items = [shown_row(kind, row, LIST_OMITS) for row in rows]
    return {
        "kind": kind_name, "total": total, "page": page, "size": size, "items": items,
        "stations": station_names(session), **names_in(session, reader, kind, [item["v"] for item in items]),
        "extra": _extra(session, kind_name, [item["id"] for item in items], today),
    }  # fmt: skip


def _extra(session: Session, kind_name: str, ids: list[str], today: Today) -> dict[str, Any]:
    """Figures that stand beside a row but are derived: usable stock per item, counted as conditions.item_below does."""
    extra: dict[str, Any] = {}
    if kind_name == "stock_item" and ids:
        lot = table_of("stock_lot")
        held = (
            select(lot.c.item, func.sum(lot.c.on_hand), func.min(lot.c.expiry))
            .where(lot.c.item.in_(ids), lot_usable(lot, today))
            .group_by(lot.c.item)
        )
        extra = {item: {"on_hand": int(total or 0), "next_expiry": expiry} for item, total, expiry in session.execute(held)}
    return extra


def search_all(session: Session, reader: Reader, text: str, now_ms: int, limit: int = 6) -> list[dict[str, Any]]:
    """The first few hits of each kind a person would look for; masked like every list."""
    found: list[dict[str, Any]] = []
    for name in ("hazard", "person", "stock_item", "patrol", "inspection", "shelter", "grid_cell", "station"):
        page = list_records(session, reader, name, ListQuery(q=text, size=limit), now_ms)
        found += page["items"]
    return found
