"""The device register as the centre sees it: what is still on each handheld, how long it has been silent.

Owns the read side; revoking is a service of the accounts package.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts.models import Grant, User
from server.centre.freshness import SILENT_AFTER_MS, load_handhelds
from server.centre.naming import station_names
from server.centre.reader import Reader
from server.centre.tables import core_table


def list_devices(session: Session, reader: Reader, now_ms: int) -> dict[str, Any]:
    """{items, stations}: each device with its users, its last contact and what it said it still holds."""
    handhelds = load_handhelds(session, reader, now_ms)
    grant, user = core_table(Grant.__tablename__), core_table(User.__tablename__)
    users: dict[str, list[dict[str, Any]]] = {}
    rows = session.execute(
        select(grant.c.device_id, user.c.id, user.c.name)
        .join(user, user.c.id == grant.c.user_id)
        .where(grant.c.revoked_at.is_(None), grant.c.device_id.in_([each.id for each in handhelds]))
        .distinct()
    )
    for device_id, user_id, name in rows:
        users.setdefault(device_id, []).append({"id": user_id, "name": name})
    items: list[dict[str, Any]] = []
    for each in handhelds:
        status = each.status
        items.append(
            {
                "id": each.id, "kind": each.kind, "name": each.name, "letter": each.letter,
                "stations": sorted(each.stations), "users": users.get(each.id, []),
                "enrolled_ms": each.enrolled_ms, "last_seen_ms": each.last_seen_ms, "revoked_ms": each.revoked_ms,
                "pending": each.pending, "files": each.files, "bytes": each.bytes, "oldest": status.get("oldest"),
                "lost": status.get("lost"), "persisted": status.get("persisted"), "battery": status.get("battery"),
                "silent": each.last_seen_ms is not None and each.last_seen_ms < now_ms - SILENT_AFTER_MS,
            }
        )  # fmt: skip
    items.sort(key=lambda item: (item["revoked_ms"] is not None, -(item["pending"] + item["files"]), item["letter"]))
    return {"items": items, "stations": station_names(session)}


def may_manage(session: Session, reader: Reader, device_id: str, now_ms: int) -> bool:
    """Whether the reader may revoke that device: the town any device, a head only devices of his stations."""
    return any(each.id == device_id for each in load_handhelds(session, reader, now_ms))
