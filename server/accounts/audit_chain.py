"""The audit log as a chain of sealed blocks: whoever owns the database can still change it, but not unseen.

Owns the seals: lines of the log itself (action `sealed`) that carry a hash over the seal before and every line since. A seal goes to the
process log and into each backup's manifest as it is made; one such copy kept elsewhere proves everything before it (`flask audit --head`).
Invariants: writing a line costs nothing and locks nothing; a seal is made when no line is under way, so that none appears later below
it; lines are forgotten only up to a seal, which then is where the proof begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import orjson
import structlog
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from server.accounts.models import Audit
from server.db import unit

log = structlog.get_logger("security")
SEALED = "sealed"
GENESIS = "0" * 64
SEAL_EVERY_MS = 60_000
LOCK_TIMEOUT = "300ms"
LOCK_NOT_AVAILABLE = "55P03"
KEPT_MS_MIN = 183 * 86_400_000
PAGE = 5_000


@dataclass(slots=True)
class Proof:
    """What the chain proves. `since_ms`: from when on; `unsealed`: lines no seal covers yet; `head`: the newest seal as `id:hash`."""

    seals: int = 0
    lines: int = 0
    unsealed: int = 0
    since_ms: int | None = None
    head: str | None = None
    broken: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing contradicts it."""
        return not self.broken


def seal_due(session: Session, at: int) -> bool:
    """Seal what was written since the last seal, when the oldest of it is a minute old; for the housekeeping. False when nothing was."""
    oldest = session.scalar(select(func.min(Audit.at)).where(Audit.id > _last_id(session)))
    session.rollback()
    if oldest is None or abs(at - oldest) < SEAL_EVERY_MS:
        return False
    try:
        return seal(session, at)
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        return False  # somebody is writing a long one: the next turn


def seal(session: Session, at: int) -> bool:
    """Write one seal; False when there is nothing to seal."""
    with unit(session):
        if session.get_bind().dialect.name == "postgresql":
            # Waits for lines under way: none of them may appear below the seal later. SQLite has one writer anyway.
            session.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
            session.execute(text("LOCK TABLE audit IN SHARE ROW EXCLUSIVE MODE"))
        last = session.scalars(select(Audit).where(Audit.action == SEALED).order_by(Audit.id.desc()).limit(1)).first()
        before = last.detail["h"] if last is not None else GENESIS
        hasher, count = _begin(before, at), 0
        for line in _lines(session, last.id if last is not None else 0):
            hasher.update(_bytes(line))
            count += 1
        if not count:
            return False
        made = Audit(at=at, actor="", action=SEALED, detail={"count": count, "before": before, "h": hasher.hexdigest()})
        session.add(made)
    log.info("audit_sealed", head=f"{made.id}:{made.detail['h']}", count=count)
    return True


def head(session: Session) -> str | None:
    """The newest seal as `id:hash`, to be kept where the database's owner cannot write."""
    last = session.scalars(select(Audit).where(Audit.action == SEALED).order_by(Audit.id.desc()).limit(1)).first()
    return f"{last.id}:{last.detail['h']}" if last is not None else None


def prove(session: Session, at: int, kept_elsewhere: str | None = None) -> Proof:
    """Walk the whole chain; `kept_elsewhere` is a head from a log or a backup that has to be in it."""
    proof, seen = Proof(), set()
    before: str | None = None
    block: list[bytes] = []
    for line in _lines(session, 0):
        if line.action != SEALED:
            block.append(_bytes(line))
            proof.lines += 1
            continue
        told = line.detail if isinstance(line.detail, dict) else {}
        if before is None and not block and told.get("before") != GENESIS:
            # Its lines were forgotten: the proof begins here, and only where forgetting was due.
            proof.since_ms = line.at
            if line.at > at - KEPT_MS_MIN:
                proof.broken.append(f"the beginning up to line {line.id} is missing")
        else:
            _check(proof, line, told, before if before is not None else GENESIS, block)
        before, block = str(told.get("h")), []
        seen.add(f"{line.id}:{before}")
        proof.seals, proof.head = proof.seals + 1, f"{line.id}:{before}"
    proof.unsealed = len(block)
    if kept_elsewhere is not None and kept_elsewhere not in seen:
        proof.broken.append(f"the seal {kept_elsewhere[:24]}… kept elsewhere is not in the log")
    return proof


def _check(proof: Proof, line: Audit, told: dict[str, Any], before: str, block: list[bytes]) -> None:
    hasher = _begin(before, line.at)
    for each in block:
        hasher.update(each)
    if told.get("before") != before:
        proof.broken.append(f"seal {line.id} does not follow the one before it")
    elif told.get("count") != len(block) or told.get("h") != hasher.hexdigest():
        proof.broken.append(f"what seal {line.id} covers was changed: {told.get('count')} lines then, {len(block)} now")


def _last_id(session: Session) -> int:
    return session.scalar(select(func.max(Audit.id)).where(Audit.action == SEALED)) or 0


def _lines(session: Session, after: int) -> Iterator[Audit]:
    while page := session.scalars(select(Audit).where(Audit.id > after).order_by(Audit.id).limit(PAGE)).all():
        after = page[-1].id
        yield from page
        for each in page:
            session.expunge(each)


def _begin(before: str, at: int) -> Any:
    return sha256(f"{before} {at}\n".encode())


def _bytes(line: Audit) -> bytes:
    """A line as it is hashed: every column, keys in order."""
    values = [line.id, line.at, line.actor, line.device, line.action, line.target, line.detail, line.address, line.request_id]
    return orjson.dumps(values, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
