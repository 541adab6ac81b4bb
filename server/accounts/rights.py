"""What users and devices may see and write, computed from posts that are valid now (P-40).

Owns Caller and its computation. Reads only. Operators and administrators hold the whole town; patrollers and heads their
stations. What a device may write is what all users who ever signed in on it may, because any of their ops may arrive late;
what it receives is what users with a sign-in that still holds may see, and only when one of them asks: the device's own
token lies unsealed on the handheld and must give a finder of it nothing (push_only).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from server.accounts.models import Device, Grant, Post, User
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


def user_rights(session: Session, user_ids: Iterable[str], at: int) -> dict[str, UserRights]:
    """Rights per user at a time. An inactive user has none; an unknown id is left out."""
    ids = sorted(set(user_ids))
    if not ids:
        return {}
    active = dict(session.execute(select(User.id, User.active).where(User.id.in_(ids))).tuples().all())
    posts = session.scalars(select(Post).where(Post.user_id.in_(ids))).all()
    found: dict[str, UserRights] = {}
    for user_id, is_active in active.items():
        held = [
            post
            for post in posts
            if is_active and post.user_id == user_id and post.valid_from <= at and (post.valid_to is None or at < post.valid_to)
        ]  # fmt: skip
        roles = frozenset(post.role for post in held)
        scopes = {station_scope(post.station_code) for post in held if post.station_code}
        if held:
            scopes.add(TOWN)
        found[user_id] = UserRights(roles, frozenset(scopes), bool(roles & TOWN_ROLES))
    return found


def all_scopes(session: Session) -> tuple[str, ...]:
    """Every scope the ledger has ever fed."""
    return tuple(row[0] for row in session.execute(text("SELECT scope FROM scope_digest ORDER BY scope")))


def build_caller(session: Session, device: Device, grant: Grant | None, at: int, *, ended: bool = False) -> Caller:
    """Compute the caller of a request from its device and, when a user signed in, its grant. An ended grant receives nothing."""
    if device.revoked_at is not None:
        rights = Rights({}, blocked="device_revoked")
        return Caller(device.id, device.kind, None, None, (), rights, (), frozenset(), (), revoked=True)
    rows = session.execute(select(Grant.user_id, Grant.revoked_at, Grant.expires_at).where(Grant.device_id == device.id)).all()
    users = user_rights(session, (row[0] for row in rows), at)
    if ended:
        return Caller(device.id, device.kind, None, None, (), Rights(users), (), frozenset(), ())
    live = {user_id for user_id, revoked_at, expires_at in rows if revoked_at is None and expires_at > at}
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
