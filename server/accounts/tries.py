"""The lock on guessing: how many tries a sign-in has, and how long to wait.

Owns the rows of `login_try`; keys are hashes. A try is counted before anything is checked and given back when it was right, so
many guesses at once are not more guesses. A name on one device waits longer with every lock (forgotten after a quiet day). An
address, and a name tried without any device, only have a much higher ceiling that leaks away steadily: a whole town may sit
behind one address, and nobody may lock a colleague out.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from server.accounts.models import LoginTry
from server.db import unit
from server.errors import ProblemError, fail
from server.settings import Settings

CEILING_TIMES = 20
DOUBLINGS_MAX = 6
FORGET_MS = 24 * 3_600_000
IPV6_SUBSCRIBER_BITS = 64


def folded(username: str) -> str:
    """One spelling per user name: how it is stored, looked up and counted."""
    return username.strip().lower()


def network_of(address: str) -> str:
    """An address as it is counted: one IPv6 subscriber holds a whole /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ip_network((int(parsed), IPV6_SUBSCRIBER_BITS), strict=False))
    return str(parsed)


def _key(*words: str) -> str:
    return sha256("|".join(words).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Try:
    """Who tries from where. `username` None: an enrolment; `device_id` None: a browser that is no device yet."""

    username: str | None
    device_id: str | None
    address: str

    @property
    def address_key(self) -> str:
        """Counts what comes from one address."""
        return _key("a", network_of(self.address))

    @property
    def pair_key(self) -> str | None:
        """Counts a name on one device, or at one address when there is no device."""
        if self.username is None:
            return None
        return _key("p", folded(self.username), self.device_id or "@" + network_of(self.address))

    @property
    def ceilings(self) -> list[str]:
        """Keys that only have a ceiling."""
        if self.username is None or self.device_id is not None:
            return [self.address_key]
        return [self.address_key, _key("n", folded(self.username))]

    @property
    def keys(self) -> list[str]:
        """Every key, in the order in which rows are locked."""
        return sorted([*self.ceilings, *([self.pair_key] if self.pair_key else [])])


@dataclass(frozen=True, slots=True)
class FactorTry:
    """Who tries a code: counted for the user alone, wherever he tries from. Only who knows the password gets so far."""

    user_id: str

    @property
    def pair_key(self) -> str:
        """Counts the codes of one user."""
        return _key("c", self.user_id)

    @property
    def ceilings(self) -> list[str]:
        """None beside it."""
        return []

    @property
    def keys(self) -> list[str]:
        """The one."""
        return [self.pair_key]


def take(session: Session, settings: Settings, at: int, tried: Try | FactorTry) -> None:
    """Count one try, or raise `too_many_tries` and count nothing. The caller holds the transaction and commits it at once."""
    for key in tried.keys:
        session.execute(
            text("INSERT INTO login_try (key, count, last_at) VALUES (:key, 0, :at) ON CONFLICT (key) DO NOTHING"), {"key": key, "at": at}
        )
    rows = session.scalars(select(LoginTry).where(LoginTry.key.in_(tried.keys)).order_by(LoginTry.key).with_for_update()).all()
    for row in rows:
        step = _count_pair if row.key == tried.pair_key else _count_ceiling
        step(row, settings, at)


def _locked(wait_ms: int) -> ProblemError:
    seconds = max(1, -(-wait_ms // 1000))
    return fail("too_many_tries", seconds=seconds, headers={"Retry-After": str(seconds)})


def _count_pair(row: LoginTry, settings: Settings, at: int) -> None:
    if at - row.last_at > FORGET_MS:
        row.count = 0
    if row.count >= settings.login_tries_max:
        doubled = min(row.count - settings.login_tries_max, DOUBLINGS_MAX)
        wait = row.last_at + settings.login_lock_seconds * 1000 * 2**doubled - at
        if wait > 0:
            raise _locked(wait)
    row.count += 1
    row.last_at = at


def _count_ceiling(row: LoginTry, settings: Settings, at: int) -> None:
    most, window = settings.login_tries_max * CEILING_TIMES, settings.login_lock_seconds * 1000
    leaked = max(0, at - row.last_at) * most // window
    level = max(0, row.count - leaked)
    if level >= most:
        raise _locked(window // most)
    # The remainder of a drop is kept, or steady tries would never leak.
    row.last_at = at if level == 0 else row.last_at + leaked * window // most
    row.count = level + 1


def forgive(session: Session, tried: Try | FactorTry) -> None:
    """A try that was right: the name starts anew, the ceilings get their one back. In the order of `take`, or two sign-ins at once lock each other."""
    for key in tried.keys:
        if key == tried.pair_key:
            session.execute(delete(LoginTry).where(LoginTry.key == key))
        else:
            session.execute(update(LoginTry).where(LoginTry.key == key, LoginTry.count > 0).values(count=LoginTry.count - 1))


def prune(session: Session, at: int) -> None:
    """Forget keys nobody tried for two days: every wait has run out by then."""
    old = LoginTry.last_at < at - 2 * FORGET_MS
    if session.scalar(select(LoginTry.key).where(old).limit(1)) is not None:
        with unit(session):
            session.execute(delete(LoginTry).where(old))
