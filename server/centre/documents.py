"""Registers (台账) that can be exported.

Owns which kinds are exported and how many rows a reader would get. Reads only.
"""

from __future__ import annotations

from typing import Any

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.centre.export import export_kind
from server.centre.freshness import completeness, load_handhelds, stamp_text
from server.centre.lists import ListQuery
from server.centre.reader import Reader
from server.centre.tables import kind_named, table_of

EXPORTED = (
    "hazard", "inspection", "patrol", "patrol_plan", "stock_item", "stock_lot", "stock_movement", "stock_count",
    "person", "transfer", "shelter", "event", "grid_cell", "station", "catalogue_item", "setting", "unmask",
)  # fmt: skip


def registers(session: Session, reader: Reader) -> list[dict[str, Any]]:
    """{kind, count} of every register, with what the reader may see of it."""
    found = []
    for kind in EXPORTED:
        table = table_of(kind)
        count = session.scalar(
            select(func.count()).select_from(table).where(table.c.life, reader.scopes(table.c.scope))
        )
        found.append({"kind": kind, "count": count or 0})
    return found


def town_name() -> str:
    """The town's name for titles of workbooks."""
    return str(current_app.extensions["xunan"].town_name)


def write_for_operator(session: Session, kind: str, town: str, now_ms: int) -> bytes:
    """A masked workbook of one register for the command line. KeyError for a kind that is not exported."""
    declared = kind_named(kind)
    if declared is None or kind not in EXPORTED:
        raise KeyError(kind)
    reader = Reader("", whole_town=True)
    stamp = stamp_text(completeness(load_handhelds(session, reader, now_ms), now_ms))
    return export_kind(
        session, reader, declared, ListQuery(), now_ms, stamp=stamp, who="命令行", town=town, reason=None
    )
