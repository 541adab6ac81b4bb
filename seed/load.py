"""Loads the demo town: users and posts as accounts, everything else as ops through the ledger's own push.

Idempotent: a town that has stations is left alone. Deterministic from the seed number and the day.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from seed.town import Draft, Town
from server.accounts import service
from server.accounts.models import User
from server.db import unit
from server.ledger import write
from server.ledger.clock import now_ms
from server.settings import Settings

BATCH = 2000
ACTOR = "seed"


def ops_of(draft: Draft) -> list[dict[str, Any]]:
    """The op that creates a draft's record, and one per log entry: an op has at most one part per field."""
    fields: dict[str, Any] = {"scope": {"k": "reg", "v": draft.scope, "b": []}}
    fields |= {name: {"k": "reg", "v": value, "b": []} for name, value in draft.fields.items()}
    fields |= {name: {"k": "count", "v": value, "b": [], "seen": {}} for name, value in draft.counts.items()}
    parts = [fields, *({name: {"k": "log", "v": value}} for name, value in draft.logs)]
    return [{"rec": draft.rec, "kind": draft.kind, "scope": draft.scope, "f": part, "schema": 1, "app": "seed"} for part in parts]


def add_users(session: Session, at: int, password: str, codes: list[str]) -> str:
    """The cast: an administrator, an operator, and per station a head and two patrollers. Returns the operator's id."""
    # One hash for everybody: 150 argon2 runs would only slow the first start of a demo.
    first = service.add_user(session, at, ACTOR, "admin", "系统管理员", password)
    operator = _same_password(session, first, "operator", "值班长甲")
    service.add_post(session, at, ACTOR, first.id, "admin", None)
    service.add_post(session, at, ACTOR, operator.id, "operator", None)
    for number, code in enumerate(codes, 1):
        for username, name, role in (
            (f"head{number:02d}", f"第{number}站站长", "head"),
            (f"patrol{number:02d}a", "安全员甲", "patroller"),
            (f"patrol{number:02d}b", "安全员乙", "patroller"),
        ):
            user = _same_password(session, first, username, name)
            service.add_post(session, at, ACTOR, user.id, role, code)
    return operator.id


def _same_password(session: Session, first: User, username: str, name: str) -> User:
    user = User(id=f"u_{username}", username=username, name=name, pw_hash=first.pw_hash, active=True)
    session.add(user)
    session.flush()
    return user


def load(session: Session, settings: Settings, seed: int, stations: int, records: int, today: date | None = None) -> str:
    """Load the town; says what it did. Refuses to invent demo users outside dev."""
    if settings.demo_password is None:
        return "no demo town outside dev (set XUNAN_DEMO_PASSWORD to allow it)"
    held = session.execute(text("SELECT COUNT(*) FROM k_station")).scalar_one()
    session.rollback()
    if held:
        return f"a town with {held} stations is there already"
    at = now_ms()
    town = Town(seed, stations, records, today or date.today())
    with unit(session):
        operator = add_users(session, at, settings.demo_password, [town.code(i) for i in range(stations)])
    batch: list[dict[str, Any]] = []
    total = 0
    for draft in town.drafts():
        batch += ops_of(draft)
        if len(batch) >= BATCH:
            total += _flush(session, operator, batch)
    total += _flush(session, operator, batch)
    return f"示例镇: {stations} stations, {total} ops (seed {seed})"


def _flush(session: Session, user_id: str, batch: list[dict[str, Any]]) -> int:
    written = write.append(session, user_id, batch, author="seed")
    refused = [each for each in written if each.verdict != "applied"]
    if refused:
        raise RuntimeError(f"{len(refused)} seed ops were not applied: {refused[0]}")
    count = len(batch)
    batch.clear()
    return count
