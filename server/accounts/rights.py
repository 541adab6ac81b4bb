"""What users and devices may see and write, computed from posts that are valid now (P-40, P-45).

Owns Caller and its computation. Reads only. Operators and administrators hold the whole town; patrollers and heads their
stations. An op is judged by the posts of the user it names, and any user who ever signed in on the device may be named,
because work may arrive late. What is read through the API is what the signed-in user himself may see. A device is one drawer for
those who share it: its feeds are those of all users with a sign-in that holds, people's data only through a post at their station,
and they come only when one of these users asks: the device's own token lies unsealed on the handheld and must give a finder of it
nothing (push_only).
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from server.accounts.models import Device, Grant
from server.ledger.feeds import best, masked
from sync.judge import Rights, UserRights

TOWN = "town"
# The kind of a device that is another node: it meets this one and brings what it judged itself (P-60).
NODE = "node"
TOWN_ROLES = frozenset({"operator", "admin"})
ROLES = ("patroller", "head", "operator", "admin")


def station_scope(code: str) -> str:
    """Scope of a station by its 12-digit code."""
    return f"station:{code}"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking. `user_id` None: the device itself, nobody unlocked. `scopes`: what this user may read; `feeds`: what the device holds."""

    device_id: str
    dev_kind: str
    user_id: str | None
    grant_id: str | None
    rights: Rights
    scopes: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    roles: frozenset[str] = frozenset()
    stations: tuple[str, ...] = ()
    revoked: bool = False
    push_only: bool = False

    @property
    def all_town(self) -> bool:
        """Whether the signed-in user sees every station."""
        return bool(self.roles & TOWN_ROLES)


# One reading for every request: who ever signed in on a device, whether a sign-in still holds, and the posts valid now.
_SIGNED_IN = text(
    """
    SELECT u.id, u.active, held.live, p.role, p.station_code
    FROM (SELECT user_id, MAX(CASE WHEN revoked_at IS NULL AND expires_at > :at THEN 1 ELSE 0 END) AS live
          FROM "grant" WHERE device_id = :device GROUP BY user_id) held
    JOIN "user" u ON u.id = held.user_id
    LEFT JOIN post p ON p.user_id = u.id AND p.valid_from <= :at AND (p.valid_to IS NULL OR :at < p.valid_to)
    """
)


def _who_signed_in(session: Session, device_id: str, at: int) -> tuple[dict[str, UserRights], set[str]]:
    """Rights of everybody who ever signed in on the device (none for a blocked user), and those whose sign-in holds."""
    posts: dict[str, list[tuple[str, str | None]]] = {}
    live: set[str] = set()
    for user_id, active, holds, role, station in session.execute(_SIGNED_IN, {"device": device_id, "at": at}):
        held = posts.setdefault(user_id, [])
        if holds:
            live.add(user_id)
        if active and role is not None:
            held.append((role, station))
    return {user_id: rights_of(held) for user_id, held in posts.items()}, live


def rights_of(posts: list[tuple[str, str | None]]) -> UserRights:
    """What posts (role, station code) give together."""
    roles = frozenset(role for role, _ in posts)
    scopes = {station_scope(station) for _, station in posts if station}
    at = {scope: frozenset(role for role, station in posts if station is None or station_scope(station) == scope) for scope in scopes}
    elsewhere = {scope: held for scope, held in at.items() if held != roles}
    return UserRights(roles, frozenset(scopes | {TOWN} if posts else scopes), bool(roles & TOWN_ROLES), elsewhere)


def all_scopes(session: Session) -> tuple[str, ...]:
    """Every scope the ledger has ever fed."""
    return tuple(row[0] for row in session.execute(text("SELECT DISTINCT scope FROM scope_digest ORDER BY scope")))


def build_caller(session: Session, device: Device, grant: Grant | None, at: int, *, ended: bool = False) -> Caller:
    """Compute the caller of a request from its device and, when a user signed in, its grant. An ended grant only delivers, as the device."""
    if device.revoked_at is not None:
        return Caller(device.id, device.kind, None, None, Rights({}, blocked="device_revoked"), revoked=True)
    users, live = _who_signed_in(session, device.id, at)
    everywhere = all_scopes(session) if any(each.all_scopes for each in users.values()) else ()
    feeds = _feeds(device, [users[user_id] for user_id in live], everywhere)
    if grant is None or ended:
        return Caller(device.id, device.kind, None, None, Rights(users), feeds=feeds, push_only=True)
    me = users[grant.user_id]
    scopes = {TOWN} | me.scopes | set(everywhere if me.all_scopes else ())
    stations = sorted(scope.partition(":")[2] for scope in me.scopes if scope.startswith("station:"))
    return Caller(
        device.id, device.kind, grant.user_id, grant.id, Rights(users), tuple(sorted(scopes)), feeds, me.roles, tuple(stations)
    )


def _feeds(device: Device, users: list[UserRights], everywhere: tuple[str, ...]) -> tuple[str, ...]:
    """What comes down by sync. A desk gets the town's records only: the rest is shown to it on request, people masked."""
    found = {TOWN}
    if device.kind != "desk":
        for user in users:
            found |= user.scopes
            if user.all_scopes:
                found.update(masked(scope) for scope in everywhere if scope != TOWN)
    return best(found)
