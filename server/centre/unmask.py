"""Showing personal values to someone who gave a reason: first the trace, then the values (M-50).

Owns the one way masked values leave the centre. Invariants: the trace (a record of kind `unmask` on the station's own feed
and a line in the audit log) is committed before any value is read; only fields of that one record are shown; the reason is
the reader's own words and stays with both traces.
"""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy.orm import Session

from server.accounts import audit, days
from server.centre.detail import candidates, load_record
from server.centre.masking import is_masked_field
from server.centre.reader import Reader
from server.centre.tables import iso, kind_named
from server.db import unit
from server.errors import fail
from server.ledger import write
from sync import merge_kinds
from sync.judge import Rights

REASON_MIN = 4
REASON_MAX = 200


def uuid7(now_ms: int, random: bytes) -> str:
    """A record id as the handhelds make them: 48 bits of time, the rest random (RFC 9562)."""
    value = (now_ms & (2**48 - 1)) << 80 | int.from_bytes(random[:10], "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def trace_op(rec: str, scope: str, fields: list[str], reason: str, now_ms: int) -> dict[str, Any]:
    """The op that makes the trace: who looked at which fields of whom, and why."""
    at = iso(now_ms)
    values = {"scope": scope, "person": rec, "fields": fields, "reason": reason, "at": at}
    return {
        "rec": uuid7(now_ms, secrets.token_bytes(10)),
        "kind": "unmask",
        "scope": scope,
        "f": {name: {"k": "reg", "v": value, "b": []} for name, value in values.items()},
    }


def unmask(
    session: Session, reader: Reader, rights: Rights, rec: str, fields: list[str], reason: str, now_ms: int, most_per_day: int
) -> dict[str, Any]:
    """{values: {field: value}, heads: {field: {stamp: value}}} of the personal fields asked for."""
    loaded = load_record(session, reader, rec)
    if loaded is None:
        raise fail("not_found")
    record, row = loaded
    kind = kind_named(row["kind"])
    wanted = sorted({name for name in fields if kind is not None and is_masked_field(kind.field(name))})
    if kind is None or not wanted:
        raise fail("invalid", errors={"fields": ["no masked field"]})
    with unit(session):
        days.allow(session, now_ms, reader.user_id, "unmask", most_per_day)
        audit.note(
            session, now_ms, reader.user_id, "unmask", rec, reader.device_id, fields=wanted, reason=reason, kind=kind.name
        )
        write.append(session, reader.user_id, [trace_op(rec, row["scope"], wanted, reason, now_ms)], rights=rights, at_ms=now_ms)
    return {
        "values": {name: merge_kinds.shown_value(record, name, kind.field(name)) for name in wanted},
        "heads": {name: {stamp: value for stamp, value, *_ in candidates(record, name)} for name in wanted},
    }
