"""The second factor of a desk: time-based codes (RFC 6238) from an authenticator app, and recovery codes for a lost phone.

Owns the table `second_factor`: begin, confirm, check, reset. Knows no Flask request. Invariants: a secret lies sealed and is shown once; a
code opens once, and none older than it opens after it; every try is counted before it is looked at, and wrong ones wait as wrong
passwords do, for the user wherever he tries: six digits are few. Source: RFC 6238 5.2, NIST SP 800-63B 5.1.4.2.
"""

from __future__ import annotations

import re
import secrets

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy.orm import Session

from server.accounts import tries
from server.accounts.audit import note
from server.accounts.hashing import code_hash, new_recovery_code
from server.accounts.models import SecondFactor, User
from server.db import unit
from server.errors import fail
from server.seal import seal
from server.settings import Settings

STEP_S, DIGITS, SECRET_BYTES = 30, 6, 20
# One step to either side: a phone half a minute off, a person half a minute slow.
NEAR_STEPS = 1
# A clock that far off is told of, so that it is set right and not the code typed again and again.
FAR_STEPS = 20
RECOVERY_CODES = 8


def held(session: Session, user_id: str) -> bool:
    """Whether a user has a factor that holds."""
    row = session.get(SecondFactor, user_id)
    return row is not None and row.secret is not None


def is_due(settings: Settings, roles: frozenset[str]) -> bool:
    """Whether the town asks a user with these roles for a second factor at a desk."""
    return settings.desk_second_factor == "all" or (settings.desk_second_factor == "admins" and "admin" in roles)


def close_secret(user_id: str, plain: bytes) -> bytes:
    """A secret as it lies in the database."""
    return seal.close("column", f"second_factor:{user_id}", plain)


def open_secret(user_id: str, stored: bytes) -> bytes:
    """The secret of a user. Raises SealBroken."""
    return seal.open("column", f"second_factor:{user_id}", stored)


def _totp(user_id: str, stored: bytes) -> TOTP:
    return TOTP(open_secret(user_id, stored), DIGITS, SHA1(), STEP_S)  # noqa: S303 - what every authenticator app speaks; HMAC needs no collision-free hash


def _step_of(totp: TOTP, code: str, at: int, before: int, after: int) -> int | None:
    """The time step a code belongs to, looked for around now."""
    now = at // 1000 // STEP_S
    for step in sorted(range(max(0, now - before), now + after + 1), key=lambda each: abs(each - now)):
        if secrets.compare_digest(totp.generate(step * STEP_S), code.encode()):
            return step
    return None


def begin(session: Session, at: int, user: User, town: str) -> tuple[str, str]:
    """A new secret that waits for its first code; gives (what to type, the URI of the QR). The one that holds goes on holding."""
    row = session.get(SecondFactor, user.id, with_for_update=True)
    if row is None:
        row = SecondFactor(id=user.id, last_step=0, salt=secrets.token_hex(16))
        session.add(row)
    row.pending = close_secret(user.id, secrets.token_bytes(SECRET_BYTES))
    uri = _totp(user.id, row.pending).get_provisioning_uri(user.username, f"巡安 {town}")
    found = re.search(r"secret=([A-Z2-7]+)", uri)
    assert found is not None
    note(session, at, user.id, "factor_begun", user.id)
    return found[1], uri


def confirm(session: Session, settings: Settings, at: int, user_id: str, code: str) -> list[str]:
    """Take the first code of the new secret: from now on it holds. Gives fresh recovery codes, shown once. Raises `code_wrong` or `code_clock`."""
    _count(session, settings, at, user_id)
    with unit(session):
        row = session.get(SecondFactor, user_id, with_for_update=True)
        if row is None or row.pending is None:
            raise fail("conflict", reason="no second factor is being set up")
        # Whoever sets it up has just been shown the secret: he may hear in which direction his clock is off.
        step = _step_of(_totp(user_id, row.pending), code, at, FAR_STEPS, FAR_STEPS)
        if step is None:
            raise fail("code_wrong")
        if abs(step - at // 1000 // STEP_S) > NEAR_STEPS:
            raise fail("code_clock")
        row.secret, row.pending, row.since, row.last_step = row.pending, None, at, step
        # The sealed bytes are bound to the user, not to the column: they may move.
        codes = [new_recovery_code() for _ in range(RECOVERY_CODES)]
        row.salt = secrets.token_hex(16)
        row.codes = [code_hash(each, row.salt) for each in codes]
        tries.forgive(session, tries.FactorTry(user_id))
        note(session, at, user_id, "factor_set", user_id)
    return codes


def check(session: Session, settings: Settings, at: int, user_id: str, code: str | None) -> None:
    """Take a code of a user who has a factor. Raises `code_required`, `code_wrong`, `code_clock` or `too_many_tries`."""
    if not code:
        raise fail("code_required")
    _count(session, settings, at, user_id)
    with unit(session):
        row = session.get(SecondFactor, user_id, with_for_update=True)
        if row is None or row.secret is None:
            raise fail("code_wrong")
        plain = re.sub(r"[\s-]", "", code).upper()
        if re.fullmatch(r"[0-9]{6}", plain):
            _take_code(row, plain, at)
        else:
            _take_recovery(session, settings, at, row, plain)
        tries.forgive(session, tries.FactorTry(user_id))


def _take_code(row: SecondFactor, code: str, at: int) -> None:
    assert row.secret is not None
    # Only backwards: a guess that is told to be of a later step would be worth keeping.
    step = _step_of(_totp(row.id, row.secret), code, at, FAR_STEPS, NEAR_STEPS)
    if step is not None and step < at // 1000 // STEP_S - NEAR_STEPS:
        raise fail("code_clock")
    if step is None or step <= row.last_step:
        raise fail("code_wrong")
    row.last_step = step


def _take_recovery(session: Session, settings: Settings, at: int, row: SecondFactor, code: str) -> None:
    hashed = code_hash(code, row.salt)
    # A hub holds a copy: a code used up here would still open at the centre.
    if settings.is_hub or hashed not in (row.codes or []):
        raise fail("code_wrong")
    row.codes = [each for each in row.codes if each != hashed]
    note(session, at, row.id, "recovery_used", row.id, left=len(row.codes))


def _count(session: Session, settings: Settings, at: int, user_id: str) -> None:
    with unit(session):
        tries.take(session, settings, at, tries.FactorTry(user_id))


def reset(session: Session, at: int, actor: str, user_id: str) -> None:
    """Take a user's factor away: his next sign-in at a desk sets up another."""
    row = session.get(SecondFactor, user_id, with_for_update=True)
    if row is not None:
        row.secret = row.pending = row.since = None
        row.codes = []
    note(session, at, actor, "factor_reset", user_id)


def described(session: Session, user_id: str) -> dict[str, int | bool | None]:
    """What a user may know of his factor."""
    row = session.get(SecondFactor, user_id)
    has = row is not None and row.secret is not None
    return {"on": has, "since": row.since if row and has else None, "recovery_left": len(row.codes or []) if row and has else 0}
