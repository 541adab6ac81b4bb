"""The audit log: append in the caller's transaction, so that a deed and its trace stand or fall together; forget only what is old.

The database itself refuses to change a line, and to remove one of the last 183 days (migration 05).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server.accounts.models import Audit
from server.db import unit

DAY_MS = 86_400_000


def note(
    session: Session, at: int, actor: str, action: str, target: str | None = None, device: str | None = None, **detail: Any
) -> None:
    """Append one line. `detail` takes ids, codes and counts; personal data does not belong here."""
    session.add(Audit(at=at, actor=actor, device=device, action=action, target=target, detail=detail or None))


def prune(session: Session, at: int, days: int) -> None:
    """Remove lines older than `days`; for the housekeeping."""
    old = Audit.at < at - days * DAY_MS
    if session.scalar(select(Audit.id).where(old).limit(1)) is not None:
        with unit(session):
            session.execute(delete(Audit).where(old))
