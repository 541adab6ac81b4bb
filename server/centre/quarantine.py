"""Ops that were stored but not applied, for a person to look at whole.

Owns the list and the two answers, release and keep; nothing here deletes. The raw bytes are shown as text, with personal
values masked when the op can be read.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.centre.history import change_of, fields_of, parse_line
from server.centre.masking import is_masked_field, mask_text
from server.centre.naming import devices_named, user_names
from server.centre.reader import Reader
from server.centre.tables import core_table, kind_named, station_of
from server.kinds import KINDS
from server.ledger.lines import read_raw
from sync.errors import OpError
from sync.judge import Rights, UserRights, judge_op
from sync.op import parse_op
from sync.stamp import GENESIS

RAW_SHOWN_MAX = 4000
ID_LIMIT = 2**63


def list_quarantine(session: Session, reader: Reader, *, state: str = "open", page: int = 1, size: int = 50) -> dict[str, Any]:
    """{total, page, size, items}, newest first. What stands in no chain belongs to no station: only the town sees it."""
    quarantine, op_log, incarnation = core_table("quarantine"), core_table("op_log"), core_table("incarnation")
    joined = quarantine.outerjoin(op_log, op_log.c.id == quarantine.c.op_id)
    joined = joined.outerjoin(incarnation, incarnation.c.dev == quarantine.c.dev)
    where = [quarantine.c.state == state]
    if not reader.whole_town:
        where += [op_log.c.scope != "", reader.scopes(op_log.c.scope)]
    size, page = max(1, min(size, 200)), max(1, page)
    total = session.scalar(select(func.count()).select_from(joined).where(*where)) or 0
    rows = session.execute(
        select(
            quarantine.c.id, quarantine.c.dev, quarantine.c.n, quarantine.c.raw, quarantine.c.sha, quarantine.c.why, quarantine.c.rx_at,
            quarantine.c.state, op_log.c.rec, op_log.c.kind, op_log.c.scope, op_log.c.user,
            func.coalesce(op_log.c.device, incarnation.c.device_id).label("device"),
        )
        .select_from(joined)
        .where(*where)
        .order_by(quarantine.c.id.desc())
        .limit(size)
        .offset((page - 1) * size)
    ).mappings().all()  # fmt: skip
    devices = devices_named(session, (row["device"] for row in rows if row["device"]))
    users = user_names(session, (row["user"] for row in rows if row["user"]))
    items = []
    for row in rows:
        raw = read_raw(row["sha"], row["raw"])
        body = parse_line(raw)
        # Of a line that stands in no chain only the line itself says what it is about; it is masked all the same.
        said = {name: row[name] or _word(body, name) for name in ("rec", "kind", "scope", "user")}
        kind = kind_named(said["kind"] or "")
        readable = fields_of(body)
        personal = any(is_masked_field(kind.field(name)) for name in readable) if kind is not None else False
        items.append(
            {
                "id": row["id"], "dev": row["dev"], "n": row["n"], "why": row["why"], "rx_ms": row["rx_at"],
                "state": row["state"], **said, "station": station_of(said["scope"] or ""),
                "user_name": users.get(row["user"] or ""), "device": devices.get(row["device"] or ""),
                "at": body.get("at"), "readable": bool(readable),
                "changes": [change_of(kind, name, verb, {}) for name, verb in readable.items()],
                "raw": None if personal else _text(raw),
            }
        )  # fmt: skip
    return {"total": total, "page": page, "size": size, "items": items}


def _word(body: dict[str, Any], name: str) -> str | None:
    found = body.get(name)
    return found[:80] if isinstance(found, str) else None


def _text(raw: bytes) -> str:
    return mask_text(raw.decode("utf-8", "replace")[:RAW_SHOWN_MAX])


def visible_scope(session: Session, quarantine_id: int) -> str | None:
    """Scope an open entry claims, "" when it names none, nothing when there is no such open entry."""
    if not 0 < quarantine_id < ID_LIMIT:
        return None
    quarantine, op_log = core_table("quarantine"), core_table("op_log")
    row = session.execute(
        select(op_log.c.scope)
        .select_from(quarantine.outerjoin(op_log, op_log.c.id == quarantine.c.op_id))
        .where(quarantine.c.id == quarantine_id, quarantine.c.state == "open")
    ).first()
    return None if row is None else (row[0] or "")


def could_write(session: Session, quarantine_id: int, mine: UserRights) -> bool:
    """Whether somebody with these rights could have written an entry's op himself: nobody lets through what is not his to decide."""
    if not 0 < quarantine_id < ID_LIMIT:
        return True  # there is nothing to let through
    quarantine = core_table("quarantine")
    row = session.execute(
        select(quarantine.c.dev, quarantine.c.n, quarantine.c.h, quarantine.c.sha, quarantine.c.raw).where(quarantine.c.id == quarantine_id)
    ).first()
    try:
        op = parse_op(parse_line(read_raw(row.sha, row.raw)), row.dev, row.n, row.h or GENESIS) if row is not None else None
    except OpError:
        op = None
    return op is None or judge_op(op, Rights({op.user: mine}), KINDS) != "role_not_allowed"
