"""How long a sign-in holds, who is asked again when, and what a person sees and ends of his own sign-ins (ADR 0020).

Owns the lifetimes and the rows of `grant` after they were made. A desk stands in an office and shows the whole town: it ends with the
shift and locks when nobody touches it. A handheld works for weeks without a network: it keeps its sign-in and locks its screen only.
Invariants: an idle desk is as good as its device's own token (it delivers and receives nothing, P-42); a user has one sign-in on a device
and DESK_SIGN_INS_MAX at desks; an end is never undone.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.accounts.audit import note
from server.accounts.models import Device, Grant
from server.errors import fail
from server.settings import Settings

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
DESK = "desk"
# Fresh enough to change what signs in: long enough to fill in a form, too short to leave for lunch.
CONFIRM_MS = 5 * MINUTE_MS
# A touch is told at most that often, so the server waits that much longer than the page.
TOLD_EVERY_MS = MINUTE_MS
# A duty desk, one's own, and one at a hub or in a meeting room.
DESK_SIGN_INS_MAX = 3


def lifetime_ms(settings: Settings, device: Device) -> int:
    """How long a sign-in on this device holds at most."""
    return settings.desk_hours * HOUR_MS if device.kind == DESK else settings.grant_days * DAY_MS


def lock_minutes(settings: Settings, device: Device) -> int:
    """After how many minutes without a touch the screen locks."""
    return settings.desk_idle_minutes if device.kind == DESK else settings.handheld_lock_minutes


def is_idle(settings: Settings, device: Device, grant: Grant, at: int) -> bool:
    """Whether nobody touched this desk for too long. A handheld may be out of sight of the server for weeks."""
    if device.kind != DESK:
        return False
    return at - (grant.seen_at or grant.created_at) > settings.desk_idle_minutes * MINUTE_MS + TOLD_EVERY_MS


def is_fresh(grant: Grant | None, at: int) -> bool:
    """Whether all that signs in was shown just now."""
    return grant is not None and grant.confirmed_at is not None and at - grant.confirmed_at <= CONFIRM_MS


def is_new(grant: Grant | None, at: int) -> bool:
    """Whether he has only just signed in: enough to choose a first password."""
    return grant is not None and at - grant.created_at <= CONFIRM_MS


def touch(session: Session, grant_id: str, at: int) -> None:
    """Somebody is at this desk; one that is already idle is not woken by it (the caller checked)."""
    session.execute(update(Grant).where(Grant.id == grant_id).values(seen_at=at))


def confirm(session: Session, grant_id: str, at: int, *, whole: bool) -> None:
    """The password was shown again, and with `whole` everything that signs in."""
    grant = session.get(Grant, grant_id, with_for_update=True)
    if grant is None:
        raise fail("login_required")
    if session.get_one(Device, grant.device_id).kind == DESK:
        grant.seen_at = at
    if whole:
        grant.confirmed_at = at
    note(session, at, grant.user_id, "confirmed", device=grant.device_id)


def make_room(session: Session, at: int, user_id: str, device: Device) -> None:
    """Before a new sign-in: the user's former one on this device ends, and at desks the oldest above the limit."""
    held = select(Grant).where(Grant.user_id == user_id, Grant.revoked_at.is_(None), Grant.expires_at > at)
    going = list(session.scalars(held.where(Grant.device_id == device.id)))
    if device.kind == DESK:
        desks = held.join(Device, Device.id == Grant.device_id).where(Device.kind == DESK, Device.id != device.id)
        going += list(session.scalars(desks.order_by(Grant.created_at.desc(), Grant.id)))[DESK_SIGN_INS_MAX - 1 :]
    for grant in going:
        _end(session, at, user_id, grant, "replaced")


def _end(session: Session, at: int, actor: str, grant: Grant, why: str) -> None:
    grant.revoked_at = at
    note(session, at, actor, "session_ended", grant.user_id, device=grant.device_id, why=why)


def list_own(session: Session, user_id: str, at: int, current: str | None) -> list[dict[str, Any]]:
    """The sign-ins of a user that hold, the present one first."""
    rows = session.execute(
        select(Grant, Device)
        .join(Device, Device.id == Grant.device_id)
        .where(Grant.user_id == user_id, Grant.revoked_at.is_(None), Grant.expires_at > at)
        .order_by(Grant.created_at.desc(), Grant.id)
    )
    found = [
        {
            "id": grant.id, "current": grant.id == current, "kind": device.kind, "name": device.name, "letter": device.letter,
            "address": grant.address, "since": grant.created_at, "seen": grant.seen_at or device.last_seen, "ends": grant.expires_at,
        }
        for grant, device in rows
    ]  # fmt: skip
    return sorted(found, key=lambda each: not each["current"])


def end_own(session: Session, at: int, user_id: str, grant_id: str) -> None:
    """End one of one's own sign-ins. Raises `not_found`."""
    grant = session.get(Grant, grant_id, with_for_update=True)
    if grant is None or grant.user_id != user_id:
        raise fail("not_found")
    if grant.revoked_at is None:
        _end(session, at, user_id, grant, "own")


def end_others(session: Session, at: int, user_id: str, keep: str | None) -> int:
    """End every sign-in of a user but one. Gives how many."""
    ended = session.scalars(
        update(Grant)
        .where(Grant.user_id == user_id, Grant.id != (keep or ""), Grant.revoked_at.is_(None), Grant.expires_at > at)
        .values(revoked_at=at)
        .returning(Grant.id)
        .execution_options(synchronize_session=False)
    ).all()
    note(session, at, user_id, "sessions_ended", user_id, count=len(ended))
    return len(ended)


def end_told(session: Session, at: int, device_id: str, grant_ids: list[str]) -> int:
    """Sign-outs a device tells of, the latest or those made without a network: it may end its own and nobody else's."""
    grants = session.scalars(select(Grant).where(Grant.id.in_(grant_ids), Grant.device_id == device_id, Grant.revoked_at.is_(None)))
    going = list(grants)
    for grant in going:
        grant.revoked_at = at
        note(session, at, grant.user_id, "logout", device=device_id)
    return len(going)
