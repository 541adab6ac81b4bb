"""What a device last said of itself, for the town's list of what is still on which handheld.

Owns the `status` of a device. Written at most every few seconds per device and only when it changed, so that a no-op sync
stays a read.
"""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import update
from sqlalchemy.orm import Session

from server.accounts.models import Device
from server.db import unit

SEEN_EVERY_MS = 30_000
KEYS = ("pending", "oldest", "files", "bytes", "lost", "persisted", "battery")


def read_status(body: bytes) -> dict[str, Any]:
    """The `status` of a sync header, only known keys of plain types; anything unreadable counts as silent."""
    try:
        header = orjson.loads(body.split(b"\n", 1)[0])
        status = header.get("status") or {}
        return {
            key: status[key]
            for key in KEYS
            if isinstance(status.get(key), int | float | bool | str) and len(str(status[key])) <= 40
        }
    except (orjson.JSONDecodeError, AttributeError):
        return {}


def remember_contact(session: Session, device_id: str, at: int, body: bytes) -> None:
    """Note the contact and the device's own report of what it still holds."""
    status = read_status(body)
    device = session.get(Device, device_id)
    fresh = device is not None and device.last_seen is not None and at - device.last_seen < SEEN_EVERY_MS
    same = device is not None and (device.status or {}) == status
    session.rollback()
    if fresh and same:
        return
    with unit(session):
        session.execute(update(Device).where(Device.id == device_id).values(last_seen=at, status=status or None))
