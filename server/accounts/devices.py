"""What a device last said of itself, for the town's list of what is still on which handheld.

Owns `last_seen` and `status` of a device. Invariants: a push never pays a second commit - the contact rides on the push's own
transaction, so the counts shown are those of the last push; a sync that brings nothing writes at most once a minute, or when
what the device holds has changed, so that a no-op sync stays a read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy.orm import Session

from server.db import riding, unit
from server.ledger.bulk import Bulk
from server.ledger.clock import position

SEEN_EVERY_MS = 60_000
KEYS = ("pending", "oldest", "files", "bytes", "lost", "persisted", "battery")
# Drift all the time and alone are no reason to write.
DRIFTING = {"battery", "seq"}


def read_status(header_line: bytes) -> dict[str, Any]:
    """The `status` of a sync header, only known keys of plain types, and how far it has read; anything unreadable counts as silent."""
    try:
        header = orjson.loads(header_line)
        status = header.get("status") or {}
        told = {
            key: status[key]
            for key in KEYS
            if isinstance(status.get(key), int | float | bool | str) and len(str(status[key])) <= 40
        }
        cursor = header.get("cursor")
        seq = position(cursor) if isinstance(cursor, str) else None
        return told if seq is None else told | {"seq": seq}
    except (orjson.JSONDecodeError, AttributeError):
        return {}


def held(status: Any, key: str) -> int:
    """A count a device reported of itself; whatever is no count is none."""
    value = status.get(key) if isinstance(status, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def oldest_ms(status: Any) -> int | None:
    """When the oldest op was made that the device still holds, by its own clock; None when it holds none or does not say."""
    value = status.get("oldest") if isinstance(status, dict) else None
    try:
        return int(datetime.fromisoformat(value).timestamp() * 1000) if isinstance(value, str) else None
    except ValueError:
        return None


def _lasting(status: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in status.items() if key not in DRIFTING}


@contextmanager
def contact(session: Session, device_id: str, at: int, body: bytes) -> Iterator[None]:
    """Note the contact and the device's own report of what it still holds, around the exchange of `body`."""
    header_line, _, lines = body.partition(b"\n")
    status = read_status(header_line)
    kept = orjson.dumps(status).decode() if status else None

    def tell(current: Session) -> None:
        Bulk(current).execute("UPDATE device SET last_seen = ?, status = ? WHERE id = ?", (at, kept, device_id))

    if not lines.strip():
        last_seen, before = Bulk(session).select("SELECT last_seen, status FROM device WHERE id = ?", (device_id,))[0]
        session.rollback()
        if last_seen is None or at - last_seen >= SEEN_EVERY_MS or _lasting(orjson.loads(before or "{}")) != _lasting(status):
            with unit(session):
                tell(session)
        yield
        return

    with riding(session, tell):
        yield
