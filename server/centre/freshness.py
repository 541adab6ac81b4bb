"""How complete the centre's picture is: what handhelds still hold, as each of them said at its last contact.

Owns the completeness stamp that goes with every figure and list, and the list of devices behind it.
Invariants: a revoked device no longer counts; a device that never made contact counts as unknown, never as empty; the
figures are what devices reported, so silence makes them old, not small.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from server.accounts.devices import held
from server.accounts.models import Device, Grant, Post
from server.centre.reader import Reader
from server.centre.tables import core_table, iso

SILENT_AFTER_MS = 12 * 3_600_000


@dataclass(frozen=True, slots=True)
class Handheld:
    """One device with what it said it still holds."""

    id: str
    kind: str
    name: str
    letter: str
    stations: frozenset[str]
    enrolled_ms: int | None
    last_seen_ms: int | None
    revoked_ms: int | None
    status: dict[str, Any]

    @property
    def pending(self) -> int:
        """Records not yet sent."""
        return held(self.status, "pending")

    @property
    def files(self) -> int:
        """Files not yet sent."""
        return held(self.status, "files")

    @property
    def bytes(self) -> int:
        """Size of the files not yet sent."""
        return held(self.status, "bytes")


def load_handhelds(session: Session, reader: Reader, now_ms: int) -> list[Handheld]:
    """Every device that belongs to what the reader may see, by where it was enrolled and its users' posts."""
    device, grant, post = core_table(Device.__tablename__), core_table(Grant.__tablename__), core_table(Post.__tablename__)
    stations: dict[str, set[str]] = {}
    posts = session.execute(
        select(grant.c.device_id, post.c.station_code)
        .join(post, post.c.user_id == grant.c.user_id)
        .where(post.c.station_code.is_not(None), grant.c.revoked_at.is_(None), or_(post.c.valid_to.is_(None), post.c.valid_to > now_ms))
        .distinct()
    )
    for device_id, code in posts:
        stations.setdefault(device_id, set()).add(code)
    found = []
    for row in session.execute(select(device).order_by(device.c.letter)).mappings():
        enrolled_for = {row["station_code"]} if row["station_code"] else set()
        own = frozenset(stations.get(row["id"], set()) | enrolled_for)
        if not reader.whole_town and not own & reader.stations:
            continue
        found.append(
            Handheld(
                id=row["id"], kind=row["kind"], name=row["name"] or "", letter=row["letter"] or "", stations=own,
                enrolled_ms=row["enrolled_at"], last_seen_ms=row["last_seen"], revoked_ms=row["revoked_at"],
                status=row["status"] if isinstance(row["status"], dict) else {},
            )
        )  # fmt: skip
    return found


def completeness(handhelds: Iterable[Handheld], now_ms: int) -> dict[str, Any]:
    """The stamp "数据截至 … · n 台终端有 m 条未上报" as figures."""
    counted = [each for each in handhelds if each.revoked_ms is None]
    seen = [each for each in counted if each.last_seen_ms is not None]
    holding = [each for each in seen if each.pending or each.files]
    oldest = min((each.last_seen_ms for each in seen if each.last_seen_ms is not None), default=None)
    field_devices = [each for each in seen if each.kind == "handheld"]
    return {
        "as_of": iso(now_ms),
        "as_of_ms": now_ms,
        "devices": len(counted),
        "devices_unsent": len(holding),
        "ops_unsent": sum(each.pending for each in holding),
        "files_unsent": sum(each.files for each in holding),
        "bytes_unsent": sum(each.bytes for each in holding),
        "handhelds_seen": len(field_devices),
        "never_seen": sum(1 for each in counted if each.last_seen_ms is None and each.kind == "handheld"),
        "silent": sum(1 for each in field_devices if (each.last_seen_ms or 0) < now_ms - SILENT_AFTER_MS),
        "oldest_contact_ms": oldest,
    }


def stamp_text(stamp: dict[str, Any]) -> str:
    """The stamp in words, for workbooks and printed pages."""
    words = f"数据截至 {str(stamp['as_of'])[:16].replace('T', ' ')}"
    if stamp["devices_unsent"]:
        words += f" · {stamp['devices_unsent']} 台终端有 {stamp['ops_unsent']} 条记录、{stamp['files_unsent']} 个文件未上报"
    elif stamp["handhelds_seen"]:
        words += " · 已联系的终端均无未上报"
    else:
        words += " · 尚无手持终端联系"
    if stamp["silent"]:
        words += f" · {stamp['silent']} 台终端超过 12 小时未联系"
    if stamp["never_seen"]:
        words += f" · {stamp['never_seen']} 台终端从未联系"
    return words
