"""Tables of users, posts, devices, grants, one-time codes and the audit log.

Owns the shape of these rows only. Times are UTC milliseconds. Secrets are stored as hashes: passwords with argon2, random
tokens with SHA-256. The audit table is append-only: nothing in the product updates or deletes its rows before retention.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Integer, LargeBinary, String, false
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base, JsonText


class User(Base):
    """A person who may sign in."""

    __tablename__ = "user"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    username: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(60))
    pw_hash: Mapped[str] = mapped_column(String(200))
    active: Mapped[bool] = mapped_column(default=True)
    # Somebody else chose the password: its user has to choose his own before anything but his work is open to him.
    pw_given: Mapped[bool] = mapped_column(default=False, server_default=false())
    # A given password opens nothing after this.
    pw_until: Mapped[int | None] = mapped_column(BigInteger)


class SecondFactor(Base):
    """A user's codes (second_factor.py). `id` is the user's; without `secret` there is none, `pending` is one he has not confirmed yet.

    Both are sealed. `last_step` is the time step of the last code taken; `codes` are slow hashes of recovery codes not used yet.
    """

    __tablename__ = "second_factor"
    id: Mapped[str] = mapped_column(ForeignKey("user.id"), primary_key=True)
    secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    pending: Mapped[bytes | None] = mapped_column(LargeBinary)
    since: Mapped[int | None] = mapped_column(BigInteger)
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)
    salt: Mapped[str] = mapped_column(String(32))
    codes: Mapped[Any] = mapped_column(JsonText, nullable=True)


class Post(Base):
    """A post holds a role for a time; people hold posts (M-06). `station_code` None: the whole town."""

    __tablename__ = "post"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.id"), index=True)
    role: Mapped[str] = mapped_column(String(20))
    station_code: Mapped[str | None] = mapped_column(String(20))
    valid_from: Mapped[int] = mapped_column(BigInteger)
    valid_to: Mapped[int | None] = mapped_column(BigInteger)


class Device(Base):
    """An enrolled handheld or desk browser. `letter` starts its short codes; `status` is its last sync report."""

    __tablename__ = "device"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(String(60))
    letter: Mapped[str] = mapped_column(String(6), unique=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    public_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    station_code: Mapped[str | None] = mapped_column(String(20))
    secret: Mapped[str] = mapped_column(String(64))
    enrolled_at: Mapped[int] = mapped_column(BigInteger)
    last_seen: Mapped[int | None] = mapped_column(BigInteger)
    revoked_at: Mapped[int | None] = mapped_column(BigInteger)
    status: Mapped[Any] = mapped_column(JsonText, nullable=True)


class Grant(Base):
    """A user signed in on a device; ops name it. Kept after its end, so that late ops can be judged."""

    __tablename__ = "grant"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.id"), index=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)
    revoked_at: Mapped[int | None] = mapped_column(BigInteger)
    # Of desks only (sessions.py): when somebody last touched it.
    seen_at: Mapped[int | None] = mapped_column(BigInteger)
    # When all that signs in here was last shown: the password, and the code of who has one.
    confirmed_at: Mapped[int | None] = mapped_column(BigInteger)
    address: Mapped[str | None] = mapped_column(String(60))


class EnrolCode(Base):
    """A one-time enrolment code; only its hash is kept."""

    __tablename__ = "enrol_code"
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    station_code: Mapped[str | None] = mapped_column(String(20))
    created_by: Mapped[str] = mapped_column(String(40))
    expires_at: Mapped[int] = mapped_column(BigInteger)
    used_at: Mapped[int | None] = mapped_column(BigInteger)
    device_id: Mapped[str | None] = mapped_column(String(40))


class LoginTry(Base):
    """Tries to sign in, for back-off (tries.py). Keys are hashes."""

    __tablename__ = "login_try"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[int] = mapped_column(BigInteger)


class Audit(Base):
    """Who did what when, from which network address. `target` and `detail` hold ids and codes, never names or numbers of people."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger, index=True)
    actor: Mapped[str] = mapped_column(String(40), index=True)
    device: Mapped[str | None] = mapped_column(String(40))
    action: Mapped[str] = mapped_column(String(40), index=True)
    target: Mapped[str | None] = mapped_column(String(80), index=True)
    detail: Mapped[Any] = mapped_column(JsonText, nullable=True)
    address: Mapped[str | None] = mapped_column(String(60))
    request_id: Mapped[str | None] = mapped_column(String(32))
