"""What happened to a record, told straight from the op log: who, on which device, when, what changed and what he saw.

Owns the reading of stored op lines. Never uses the folded state, so that it stays true when the fold changes.
Invariants: every stored op of the record appears, also parked and quarantined ones; both times are given (the device's own
and the corrected one) with the time of receipt; personal values are masked like everywhere else.
"""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.centre.masking import mask_value
from server.centre.naming import devices_named, user_names
from server.centre.tables import core_table, kind_named
from server.ledger.lines import read_line
from sync.fields import Kind

HISTORY_PAGE = 100
HISTORY_PAGE_MAX = 500


def parse_line(line: bytes) -> dict[str, Any]:
    """A stored op line as an object; a line that cannot be read becomes an empty object (its raw text is kept)."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def load_ops(session: Session, rec: str) -> list[dict[str, Any]]:
    """All stored ops of a record in order of receipt, each with its parsed line under `body`."""
    op_log = core_table("op_log")
    rows = session.execute(select(op_log).where(op_log.c.rec == rec).order_by(op_log.c.id)).mappings()
    return [dict(row) | {"stamp": f"{row['dev']}:{row['n']}:{row['h']}", "body": parse_line(read_line(row["dev"], row["n"], row["h"], row["line"]))} for row in rows]


def values_by_stamp(ops: list[dict[str, Any]]) -> dict[tuple[str, str], Any]:
    """(stamp, field) → the value that op wrote, for telling what stood there before."""
    found: dict[tuple[str, str], Any] = {}
    for op in ops:
        for name, verb in fields_of(op["body"]).items():
            if "v" in verb:
                found[(op["stamp"], name)] = verb["v"]
    return found


def fields_of(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The field verbs of a parsed op line, leaving out anything malformed."""
    fields = body.get("f")
    if not isinstance(fields, dict):
        return {}
    return {name: verb for name, verb in fields.items() if isinstance(verb, dict)}


def change_of(kind: Kind | None, name: str, verb: dict[str, Any], written: dict[tuple[str, str], Any]) -> dict[str, Any]:
    """One field of one op: {field, verb, new, old: […], saw, bases, unknown_bases}. `old` holds each base's value."""
    field = kind.field(name) if kind is not None else None
    named = verb.get("b")
    bases = [base for base in named if isinstance(base, str)] if isinstance(named, list) else []
    old = [written[(base, name)] for base in bases if (base, name) in written]
    change: dict[str, Any] = {"field": name, "verb": verb.get("k"), "bases": bases}
    if "v" in verb:
        change["new"] = mask_value(kind, field, verb["v"])
    if verb.get("k") in ("reg", "life"):
        change["old"] = [mask_value(kind, field, value) for value in old]
    if "p" in verb:
        change["saw"] = mask_value(kind, field, verb["p"])
    if missing := len(bases) - len(old):
        change["unknown_bases"] = missing
    return change


def history(session: Session, rec: str, kind_name: str, page: int = 1, size: int = HISTORY_PAGE) -> dict[str, Any]:
    """{total, page, size, items}, newest received first. The caller has checked the right to see the record."""
    kind = kind_named(kind_name)
    ops = load_ops(session, rec)
    written = values_by_stamp(ops)
    size = max(1, min(size, HISTORY_PAGE_MAX))
    page = max(1, page)
    shown = ops[::-1][(page - 1) * size : page * size]
    devices = devices_named(session, (op["device"] for op in shown))
    users = user_names(session, (op["user"] for op in shown if op["user"]))
    return {
        "total": len(ops),
        "page": page,
        "size": size,
        "items": [_told(kind, op, written, devices, users) for op in shown],
    }


def _told(
    kind: Kind | None,
    op: dict[str, Any],
    written: dict[tuple[str, str], Any],
    devices: dict[str, dict[str, Any]],
    users: dict[str, str],
) -> dict[str, Any]:
    body = op["body"]
    group = body.get("group")
    return {
        "stamp": op["stamp"], "dev": op["dev"], "n": op["n"], "device": devices.get(op["device"]),
        "user": op["user"], "user_name": users.get(op["user"] or ""),
        "at": body.get("at"), "at_c_ms": op["at_c"], "skew": body.get("skew"), "rx_ms": op["rx_at"],
        "node": op["node"], "verdict": op["verdict"], "why": op["why"], "app": body.get("app"),
        "schema": body.get("schema"), "group": group[0] if isinstance(group, list) and group else None,
        "scope": op["scope"],
        "changes": [change_of(kind, name, verb, written) for name, verb in fields_of(body).items()],
    }  # fmt: skip
