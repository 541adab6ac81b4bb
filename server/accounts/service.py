"""Enrolment, sign-in, posts and revocation: the verbs on accounts.

Owns the transactions of this room; knows no Flask request. Time and random bytes come from the arguments' defaults at the edge
(`now_ms`, `secrets`), decisions are plain comparisons. Invariants: a wrong user name and a wrong password are answered alike
and cost the same time; a code is used once; a token is stored only as its hash.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from server.accounts import sessions
from server.accounts.audit import note
from server.accounts.hashing import NOBODY, code_hash, hash_password, is_password, new_code, token_hash
from server.accounts.models import Device, EnrolCode, Grant, Post, SecondFactor, User
from server.accounts.passwords import is_weak
from server.accounts.rights import ROLES
from server.accounts.tries import folded
from server.centre.naming import station_names
from server.errors import fail
from server.settings import Settings

HOUR_MS = 3_600_000
LETTER_TRIES_MAX = 50


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A device and the token it must keep; the token is shown once."""

    device: Device
    token: str


def letter_of(index: int) -> str:
    """The short-code letters of the index-th device: A2 … Z9, then AA2 …, without I and O."""
    letters, digits = "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789"
    index, digit = divmod(index, len(digits))
    word = ""
    while True:
        index, rest = divmod(index, len(letters))
        word = letters[rest] + word
        if index == 0:
            return word + digits[digit]
        index -= 1


def make_code(
    session: Session, settings: Settings, at: int, actor: str, name: str, station_code: str | None
) -> tuple[str, int]:
    """A fresh one-time enrolment code such as `XK4P-7TQM-2HWD`; returns (code, expires_at ms)."""
    code = new_code()
    expires = at + settings.enrol_code_hours * HOUR_MS
    session.add(
        EnrolCode(code_hash=code_hash(code, settings.secret_key), name=name, station_code=station_code, created_by=actor, expires_at=expires)
    )
    note(session, at, actor, "device_code", station_code)
    return code, expires


def add_device(
    session: Session, at: int, kind: str, name: str, station_code: str | None, public_key: bytes | None
) -> Enrolled:
    """Register a device with its own letter; the caller holds the transaction. Two at once meet on the letter: the second asks again."""
    token = secrets.token_urlsafe(32)
    device_id = f"d_{secrets.token_hex(8)}"
    for attempt in range(1, LETTER_TRIES_MAX + 1):
        count = session.scalar(select(func.count()).select_from(Device)) or 0
        device = Device(
            id=device_id, kind=kind, name=name, letter=letter_of(count), token_hash=token_hash(token),
            public_key=public_key, station_code=station_code, secret=secrets.token_hex(32), enrolled_at=at,
        )  # fmt: skip
        try:
            with session.begin_nested():
                session.add(device)
            return Enrolled(device, token)
        except IntegrityError:
            if attempt == LETTER_TRIES_MAX:
                raise
    raise AssertionError("unreachable")


def enrol(session: Session, settings: Settings, at: int, code: str, name: str, public_key: bytes | None) -> Enrolled:
    """Trade a one-time code for a device. Raises `enrol_code_invalid`."""
    row = session.get(EnrolCode, code_hash(code, settings.secret_key), with_for_update=True)
    if row is None or row.used_at is not None or row.expires_at <= at:
        raise fail("enrol_code_invalid")
    enrolled = add_device(session, at, "handheld", name or row.name, row.station_code, public_key)
    row.used_at = at
    row.device_id = enrolled.device.id
    note(session, at, row.created_by, "device_enrolled", enrolled.device.id)
    return enrolled


def check_password(session: Session, username: str, password: str) -> User | None:
    """The user whose password this is. An unknown name costs the same hash as a known one."""
    user = session.scalar(select(User).where(func.lower(User.username) == folded(username)))
    if not is_password(user.pw_hash if user is not None else NOBODY, password):
        return None
    return user if user is not None and user.active else None


def user_named(session: Session, username: str) -> str | None:
    """The id behind a user name as typed, if there is one."""
    return session.scalar(select(User.id).where(func.lower(User.username) == folded(username)))


def sign_in(
    session: Session, settings: Settings, at: int, user: User, device: Device, address: str | None = None, *, whole: bool = True
) -> tuple[Grant, str]:
    """A grant of the user on the device and its token; his former one there ends. `whole`: everything that signs him in was shown."""
    sessions.make_room(session, at, user.id, device)
    token = secrets.token_urlsafe(32)
    grant = Grant(
        id=f"g_{secrets.token_hex(8)}", user_id=user.id, device_id=device.id, token_hash=token_hash(token),
        created_at=at, expires_at=at + sessions.lifetime_ms(settings, device),
        seen_at=at if device.kind == sessions.DESK else None, confirmed_at=at if whole else None, address=address,
    )  # fmt: skip
    session.add(grant)
    note(session, at, user.id, "login", device=device.id)
    return grant, token


def sign_out(session: Session, at: int, grant_id: str) -> None:
    """End a grant. Its ops stay valid: they were written while it held."""
    grant = session.get(Grant, grant_id)
    if grant is not None and grant.revoked_at is None:
        grant.revoked_at = at
        note(session, at, grant.user_id, "logout", device=grant.device_id)


@dataclass(frozen=True, slots=True)
class Bearer:
    """What a token stands for. `ended`: a sign-in that was closed, ran out, or whose user is blocked. `given`: he did not choose his password."""

    device: Device
    grant: Grant | None = None
    ended: bool = False
    given: bool = False
    factor: bool = False


# Built once: putting it together would cost every request more than asking it.
_BEARER = (
    select(Grant, Device, User.active, User.pw_given, SecondFactor.secret.is_not(None))
    .join(Device, Device.id == Grant.device_id)
    .join(User, User.id == Grant.user_id)
    .outerjoin(SecondFactor, SecondFactor.id == Grant.user_id)
    .where(Grant.token_hash == bindparam("hashed"))
)


def find_bearer(session: Session, token: str, at: int) -> Bearer | None:
    """The device (and grant) behind a bearer token; nothing when the token was never given out."""
    hashed = token_hash(token)
    # A person's token first: nearly every request carries one.
    row = session.execute(_BEARER, {"hashed": hashed}).first()
    if row is None:
        device = session.scalar(select(Device).where(Device.token_hash == hashed))
        return Bearer(device) if device is not None else None
    grant, held, active, given, factor = row
    return Bearer(held, grant, grant.revoked_at is not None or grant.expires_at <= at or not active, given, factor)


def set_password(session: Session, at: int, actor: str, user: User, password: str, given_until: int | None = None) -> None:
    """Change a password; one with an end is given, and its user has to choose his own. Raises `password_weak`."""
    if is_weak(password, (user.username,)) or (user.pw_given and is_password(user.pw_hash, password)):
        raise fail("password_weak")
    user.pw_hash = hash_password(password)
    user.pw_given, user.pw_until = given_until is not None, given_until
    note(session, at, actor, "password_set", user.id)


def change_password(session: Session, at: int, user: User, password: str, grant_id: str) -> int:
    """A user's own new password; every other sign-in of his ends. Gives how many. Raises `password_weak`."""
    set_password(session, at, user.id, user, password)
    return sessions.end_others(session, at, user.id, grant_id)


def add_user(session: Session, at: int, actor: str, username: str, name: str, password: str, given_until: int | None = None) -> User:
    """A new user; his user name is kept in one spelling. Raises `already_used` or `password_weak`."""
    username = folded(username)
    if session.scalar(select(User.id).where(func.lower(User.username) == username)) is not None:
        raise fail("already_used")
    user = User(id=f"u_{secrets.token_hex(6)}", username=username, name=name, pw_hash="", pw_given=False, active=True)
    set_password(session, at, actor, user, password, given_until)
    session.add(user)
    try:
        session.flush()
    except IntegrityError:
        raise fail("already_used") from None
    note(session, at, actor, "user_added", user.id)
    return user


def held_posts(session: Session, user_id: str, at: int) -> list[Post]:
    """The posts a user holds at a time."""
    posts = session.scalars(select(Post).where(Post.user_id == user_id).order_by(Post.id))
    return [post for post in posts if post.valid_from <= at and (post.valid_to is None or at < post.valid_to)]


def add_post(session: Session, at: int, actor: str, user_id: str, role: str, station_code: str | None) -> Post:
    """Give a user a post from now on. Raises `invalid` for an unknown role or user, `already_used` when he holds it."""
    if role not in ROLES or session.get(User, user_id, with_for_update=True) is None:
        raise fail("invalid", errors={"role": "unknown role or user"})
    if (role in ("patroller", "head")) != (station_code is not None):
        raise fail("invalid", errors={"station_code": "station posts need a station, town posts have none"})
    # Not only those that began before `at`: another administrator may have given it while we waited for the lock.
    for held in session.scalars(select(Post).where(Post.user_id == user_id, Post.role == role)):
        if held.station_code == station_code and (held.valid_to is None or held.valid_to > at):
            raise fail("already_used")
    post = Post(user_id=user_id, role=role, station_code=station_code, valid_from=at)
    session.add(post)
    note(session, at, actor, "post_added", user_id, role=role, station=station_code)
    return post


def end_post(session: Session, at: int, actor: str, post_id: int) -> None:
    """End a post; its work stays with the post's successor through the scope. Raises `not_found`."""
    post = session.get(Post, post_id)
    if post is None:
        raise fail("not_found")
    if post.valid_to is not None and post.valid_to <= at:
        return
    post.valid_to = at
    note(session, at, actor, "post_ended", post.user_id, role=post.role, station=post.station_code)


def revoke_device(session: Session, at: int, actor: str, device_id: str) -> None:
    """From the next contact on the device gets no data; what it still sends is stored and set aside. Raises `not_found`."""
    device = session.get(Device, device_id)
    if device is None:
        raise fail("not_found")
    if device.revoked_at is None:
        device.revoked_at = at
        note(session, at, actor, "device_revoked", device_id)


def describe_user(session: Session, user: User, at: int) -> dict[str, Any]:
    """Name, roles and stations of a user as the handheld shows them."""
    held = held_posts(session, user.id, at)
    names = station_names(session)
    return {
        "id": user.id,
        "name": user.name,
        "username": user.username,
        "roles": sorted({post.role for post in held}),
        "stations": [
            {"code": post.station_code, "name": names.get(post.station_code, post.station_code), "role": post.role}
            for post in held
            if post.station_code
        ],
    }
