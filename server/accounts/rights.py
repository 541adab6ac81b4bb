"""What users and devices may see and write, computed from posts that are valid now (P-40).

Owns Caller and its computation. Reads only. Operators and administrators hold the whole town; patrollers and heads their
stations. What a device may write is what all users who ever signed in on it may, because any of their ops may arrive late;
what it receives is what users with a sign-in that still holds may see, and only when one of them asks: the device's own
token lies unsealed on the handheld and must give a finder of it nothing (push_only).
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from server.accounts.models import Device, Grant
from sync.judge import Rights, UserRights

TOWN = "town"
TOWN_ROLES = frozenset({"operator", "admin"})
ROLES = ("patroller", "head", "operator", "admin")


def station_scope(code: str) -> str:
    """Scope of a station by its 12-digit code."""
    return f"station:{code}"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking. `user_id` None: the device itself, nobody unlocked."""

    device_id: str
    dev_kind: str
    user_id: str | None
    grant_id: str | None
    user_ids: tuple[str, ...]
    rights: Rights
    scopes: tuple[str, ...]
    roles: frozenset[str]
    stations: tuple[str, ...]
    revoked: bool = False
    push_only: bool = False

    @property
    def all_town(self) -> bool:
        """Whether the signed-in user sees every station."""
        return bool(self.roles & TOWN_ROLES)

    @property
    def pull_scopes(self) -> tuple[str, ...]:
        """Scopes whose records come down by sync. A desk gets those of the town only: people are shown to it masked, on request."""
        return tuple(scope for scope in self.scopes if scope == TOWN) if self.dev_kind == "desk" else self.scopes

    @property
    def own_scopes(self) -> frozenset[str]:
        """Scopes of the signed-in user alone (not of other users of the device)."""
        user = self.rights.users.get(self.user_id or "")
        return user.scopes if user is not None else frozenset()


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
    return UserRights(roles, frozenset(scopes | {TOWN} if posts else scopes), bool(roles & TOWN_ROLES))


def all_scopes(session: Session) -> tuple[str, ...]:
    """Every scope the ledger has ever fed."""
    return tuple(row[0] for row in session.execute(text("SELECT scope FROM scope_digest ORDER BY scope")))


def build_caller(session: Session, device: Device, grant: Grant | None, at: int, *, ended: bool = False) -> Caller:
    """Compute the caller of a request from its device and, when a user signed in, its grant. An ended grant receives nothing."""
    if device.revoked_at is not None:
        rights = Rights({}, blocked="device_revoked")
        return Caller(device.id, device.kind, None, None, (), rights, (), frozenset(), (), revoked=True)
    users, live = _who_signed_in(session, device.id, at)
    if ended:
        return Caller(device.id, device.kind, None, None, (), Rights(users), (), frozenset(), ())
    scopes: set[str] = {TOWN}
    for user_id in live & users.keys():
        scopes |= users[user_id].scopes
        if users[user_id].all_scopes:
            scopes.update(all_scopes(session))
    me = users.get(grant.user_id) if grant is not None else None
    stations = sorted(scope.partition(":")[2] for scope in (me.scopes if me else ()) if scope.startswith("station:"))
    return Caller(
        device.id, device.kind, grant.user_id if grant else None, grant.id if grant else None, tuple(sorted(live)),
        Rights(users), tuple(sorted(scopes)), me.roles if me else frozenset(), tuple(stations), push_only=grant is None,
    )  # fmt: skip
