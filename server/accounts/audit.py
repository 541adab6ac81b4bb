"""The audit log: append in the caller's transaction, so that a deed and its trace stand or fall together; forget only what is old.

The database itself refuses to change a line, and to remove one of the last 183 days (migration 05); audit_chain.py shows when somebody
made it do so all the same.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server.accounts.audit_chain import SEALED
from server.accounts.models import Audit
from server.db import unit

DAY_MS = 86_400_000
PRUNE_SEALS = 50
# What is left waits for the next turn of the housekeeping.
PRUNE_PAGES_MAX = 100


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a deed comes from: a request and the address it came from. Nothing for the command line and jobs."""

    address: str | None = None
    request_id: str | None = None


NOWHERE = Origin()
# Set by the edge around each request, so that no verb has to hand it down to every line.
origin: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)


def note(
    session: Session, at: int, actor: str, action: str, target: str | None = None, device: str | None = None, **detail: Any
) -> None:
    """Append one line. `detail` takes ids, codes and counts; personal data does not belong here."""
    come = origin.get()
    session.add(
        Audit(
            at=at, actor=actor, device=device, action=action, target=target, detail=detail or None,
            address=come.address, request_id=come.request_id,
        )
    )  # fmt: skip


def prune(session: Session, at: int, days: int) -> None:
    """Remove lines older than `days`, up to a seal, which stays: the proof of the rest begins there. For the housekeeping.

    A transaction ends at a seal not far on: nobody waits while a year is forgotten, and whoever looks in between finds a whole proof.
    """
    old = select(Audit.id).where(Audit.action == SEALED, Audit.at < at - days * DAY_MS).order_by(Audit.id).limit(PRUNE_SEALS)
    for _ in range(PRUNE_PAGES_MAX):
        seals = session.scalars(old).all()
        older = bool(seals) and session.scalar(select(Audit.id).where(Audit.id < seals[-1]).limit(1)) is not None
        session.rollback()
        if not older:
            return
        with unit(session):
            session.execute(delete(Audit).where(Audit.id < seals[-1]))
