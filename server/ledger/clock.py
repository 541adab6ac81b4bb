"""The node's clock row and the opaque cursor.

Owns `sync_clock` (node, epoch, seq, signing secret) and `scope_set`; decides what a cursor means.
A cursor is `{node, epoch, seq, scope hash, catch-up}` with an HMAC, so a device can neither read meaning into it nor forge
one (P-26). `catch` lists scopes still being sent whole with the seq reached in each; while it is not empty the main
seq stands still, therefore joining the main feed afterwards can repeat rows but never skip one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, field, replace

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

SIGNATURE_BYTES = 9


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock row as read in one transaction."""

    node: str
    epoch: str
    seq: int
    secret: str


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a reader stands: everything of `scopes_hash` up to `seq` was given, except what `catch` still owes."""

    node: str
    epoch: str
    seq: int
    scopes_hash: str
    catch: dict[str, int] = field(default_factory=dict)


class BadCursor(ValueError):
    """The cursor was not made by this node in this epoch; the reader must start over (P-27)."""


def now_ms() -> int:
    """Server time in UTC milliseconds; the only place of the ledger that reads a clock."""
    return time.time_ns() // 1_000_000


def read_clock(session: Session) -> Clock | None:
    """The clock row as this transaction sees it."""
    row = session.connection().exec_driver_sql("SELECT node, epoch, seq, secret FROM sync_clock WHERE id = 1").first()
    return None if row is None else Clock(*row)


def ensure_clock(session: Session) -> Clock:
    """The clock row, created at the first use of a database. Must run inside a writing transaction."""
    clock = read_clock(session)
    if clock is not None:
        return clock
    values = {"node": _token(8), "epoch": _token(8), "secret": secrets.token_hex(32)}
    # Another worker may be first; then its row is the one that counts.
    session.execute(
        text(
            "INSERT INTO sync_clock (id, node, epoch, seq, secret) VALUES (1, :node, :epoch, 0, :secret)"
            " ON CONFLICT (id) DO NOTHING"
        ),
        values,
    )
    found = read_clock(session)
    if found is None:
        raise RuntimeError("sync_clock has no row")
    return found


def new_epoch(session: Session) -> str:
    """Start a new epoch: to be called after a restore, so that every reader starts over (P-27)."""
    ensure_clock(session)
    epoch = _token(8)
    session.execute(text("UPDATE sync_clock SET epoch = :epoch WHERE id = 1"), {"epoch": epoch})
    return epoch


def mark_durable(session: Session) -> None:
    """Everything acknowledged so far is in a backup now: devices may forget it after their own keeping time."""
    session.execute(text("UPDATE incarnation SET durable = acked WHERE durable < acked"))


def scopes_hash(scopes: tuple[str, ...]) -> str:
    """Short name of a sorted set of scopes."""
    return hashlib.sha256("\n".join(scopes).encode()).hexdigest()[:12]


def write_cursor(cursor: Cursor, secret: str) -> str:
    """Sign a cursor and make it text."""
    body = orjson.dumps([cursor.node, cursor.epoch, cursor.seq, cursor.scopes_hash, cursor.catch])
    return base64.urlsafe_b64encode(_sign(body, secret) + body).decode().rstrip("=")


def read_cursor(token: str, clock: Clock) -> Cursor:
    """Check and open a cursor; BadCursor when it cannot be continued on this node."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        signature, body = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, _sign(body, clock.secret)):
            raise BadCursor("signature")
        cursor = Cursor(*orjson.loads(body))
    except (ValueError, TypeError) as error:
        raise BadCursor("unreadable") from error
    if cursor.node != clock.node or cursor.epoch != clock.epoch:
        raise BadCursor("epoch")
    if max([cursor.seq, *cursor.catch.values()]) > clock.seq:
        raise BadCursor("ahead")
    return cursor


def position(token: str) -> int | None:
    """How far a cursor says its reader has come; not proven, so for figures only. None when it cannot be read."""
    try:
        body = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))[SIGNATURE_BYTES:]
        seq = Cursor(*orjson.loads(body)).seq
    except (ValueError, TypeError):
        return None
    return seq if type(seq) is int and seq >= 0 else None


def moved(cursor: Cursor, seq: int) -> Cursor:
    """The same cursor further on."""
    return replace(cursor, seq=seq)


def _sign(body: bytes, secret: str) -> bytes:
    return hmac.new(bytes.fromhex(secret), body, hashlib.sha256).digest()[:SIGNATURE_BYTES]


def _token(characters: int) -> str:
    return base64.b32encode(secrets.token_bytes(10)).decode().lower()[:characters]
