"""What goes along with a record: everything that only speaks of it - its photos, transfers, conflict cases, traces of unmasking.

Owns the walk over `SUBJECTS`. Reads only. Invariant: a record with a life of its own (a hazard, a stock lot) is never part of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.centre.tables import core_table, table_of
from server.kinds import KINDS, SUBJECTS
from server.ledger.bulk import Bulk
from server.ledger.erasures import kept_lines

# What may be erased at all: what is about a person, and what only speaks of another record.
ERASABLE = frozenset({name for name, kind in KINDS.items() if kind.personal} | set(SUBJECTS))


def closure(session: Session, recs: Iterable[str]) -> set[str]:
    """These records and all that speak only of them."""
    found: set[str] = set()
    fresh = set(recs)
    while fresh:
        found |= fresh
        fresh = {
            rec
            for kind, column in SUBJECTS.items()
            for rec in session.scalars(select(table_of(kind).c.id).where(table_of(kind).c[column].in_(sorted(fresh))))
        } - found
    return found


def claims(line: bytes) -> tuple[str, str]:
    """(record, record it is about) of a kept line, empty where it says neither."""
    try:
        op: Any = orjson.loads(line)
        named = op["f"].get(SUBJECTS.get(op["kind"], ""), {}).get("v")
        return str(op["rec"]), named if isinstance(named, str) else ""
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return "", ""


def aside(bulk: Bulk, recs: set[str]) -> tuple[list[tuple[int, str]], list[bytes]]:
    """Of what lies in quarantine: (entry, record) of lines about these records, and the texts of all the others."""
    about: list[tuple[int, str]] = []
    others: list[bytes] = []
    for entry, _, _, line in kept_lines(bulk):
        rec, subject = claims(line)
        if rec in recs or subject in recs:
            about.append((entry, rec))
        else:
            others.append(line)
    return about, others


def standing(session: Session, recs: Iterable[str]) -> dict[str, tuple[str, str]]:
    """(kind, scope) by record, of those this node has."""
    record = core_table("record")
    rows = session.execute(select(record.c.id, record.c.kind, record.c.scope).where(record.c.id.in_(sorted(recs))))
    return {rec: (kind, scope) for rec, kind, scope in rows}
