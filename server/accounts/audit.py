"""The audit log: one function to append, in the caller's transaction, so that a deed and its trace stand or fall together."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from server.accounts.models import Audit


def note(
    session: Session, at: int, actor: str, action: str, target: str | None = None, device: str | None = None, **detail: Any
) -> None:
    """Append one line. `detail` takes ids, codes and counts; personal data does not belong here."""
    session.add(Audit(at=at, actor=actor, device=device, action=action, target=target, detail=detail or None))
