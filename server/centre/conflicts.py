"""Open conflicts for the people who decide them: every candidate with its author, device, times and what he had seen.

Owns the list only. A decision is an op written by the browser (protocol section 7), never a call to this package.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.centre.detail import head_stamps, heads_of
from server.centre.masking import mask_value
from server.centre.naming import user_names
from server.centre.reader import Reader
from server.centre.tables import core_table, has_table, kind_named, station_of, table_of
from server.ledger.state import load as load_state

PAGE_MAX = 100


def list_conflicts(
    session: Session, reader: Reader, *, station: str | None = None, kind: str | None = None, closed: bool = False,
    page: int = 1, size: int = 30,
) -> dict[str, Any]:  # fmt: skip
    """{total, page, size, items}; open ones oldest first (they have waited longest), closed ones newest first."""
    conflict = core_table("conflict")
    where = [reader.scopes(conflict.c.scope, station)]
    where.append(conflict.c.closed_at.is_not(None) if closed else conflict.c.closed_at.is_(None))
    if kind:
        where.append(conflict.c.kind == kind)
    size, page = max(1, min(size, PAGE_MAX)), max(1, page)
    total = session.scalar(select(func.count()).select_from(conflict).where(*where)) or 0
    order = conflict.c.closed_at.desc() if closed else conflict.c.opened_at.asc()
    rows = session.execute(
        select(conflict).where(*where).order_by(order, conflict.c.id).limit(size).offset((page - 1) * size)
    ).mappings()
    listed = [dict(row) for row in rows]
    cases = _cases(session, [row["rec"] for row in listed])
    items = [_told(session, row, cases.get((row["rec"], row["field"]))) for row in listed]
    return {"total": total, "page": page, "size": size, "items": items}


def _cases(session: Session, recs: list[str]) -> dict[tuple[str, str], dict[str, Any]]:
    case = table_of("conflict_case")
    rows = session.execute(select(case).where(case.c.rec.in_(recs), case.c.life).order_by(case.c.updated_at)).mappings()
    found = {(row["rec"], row["field"]): dict(row) for row in rows}
    names = user_names(session, (row["assignee"] for row in found.values() if row["assignee"]))
    return {
        key: {
            "id": row["id"], "assignee": row["assignee"], "assignee_name": names.get(row["assignee"] or ""),
            "note": row["note"], "due": row["due"], "status": row["status"],
        }
        for key, row in found.items()
    }  # fmt: skip


def _told(session: Session, row: dict[str, Any], case: dict[str, Any] | None) -> dict[str, Any]:
    kind = kind_named(row["kind"])
    record = core_table("record")
    state = session.scalar(select(record.c.state).where(record.c.id == row["rec"]))
    folded = load_state(row["rec"], bytes(state)) if state is not None else None
    title = None
    if kind is not None and has_table(kind.name):
        column = table_of(kind.name).c[kind.title_field]
        value = session.scalar(select(column).where(table_of(kind.name).c.id == row["rec"]))
        title = mask_value(kind, kind.field(kind.title_field), value)
    return {
        "id": row["id"], "rec": row["rec"], "kind": row["kind"], "field": row["field"], "scope": row["scope"],
        "station": station_of(row["scope"]), "severity": row["severity"], "opened_ms": row["opened_at"],
        "closed_ms": row["closed_at"], "title": title or row["rec"], "case": case,
        "heads": heads_of(session, folded, row["field"], kind) if folded is not None else [],
        "bases": head_stamps(folded.to_wire()).get(row["field"], []) if folded is not None else [],
    }  # fmt: skip
