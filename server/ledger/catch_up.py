"""After an upgrade: typed rows of what was stored before its kind or field was declared (P-41).

Owns finding and rebuilding such records. An older version keeps what it does not know in log and state, and forwards it, but has no table
or column to show it in; the lists of the town centre read tables. Invariants: nothing but the log decides what is written; may be run at
any time and again; the records found are rebuilt in feed order, each in a transaction of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.orm import Session

from server.db import reading
from server.kinds import KINDS
from server.ledger.bulk import Bulk
from server.ledger.feed import UNFED
from server.ledger.rows import Column, Projection, projection
from server.ledger.state import load
from server.ledger.verify import rebuild

PAGE = 1_000


def catch_up(session: Session, at_ms: int | None = None) -> int:
    """Rebuild every record whose typed row is missing or lacks a column; gives how many."""
    with reading(session) as reader:
        found = sorted({rec for name in KINDS for rec in _behind(Bulk(reader), name)})
    return rebuild(session, found, at_ms)


def _behind(bulk: Bulk, kind: str) -> Iterator[str]:
    plan = projection(kind)
    assert plan is not None, kind
    for (rec,) in bulk.select(
        f'SELECT r.id FROM record r LEFT JOIN "{plan.table}" k ON k.id = r.id WHERE r.kind = ? AND r.seq <> ? AND k.id IS NULL'
        " AND NOT EXISTS (SELECT 1 FROM erasure e WHERE e.rec = r.id)",
        (kind, UNFED),
    ):
        yield str(rec)
    if not bulk.select(f'SELECT 1 FROM "{plan.table}" LIMIT 1', ()):
        return  # no row that could lack a column
    # A column that was just declared is empty in every row; one that is not needs no look at any record.
    fresh = [column for column in plan.all if not bulk.select(f'SELECT 1 FROM "{plan.table}" WHERE "{column.name}" IS NOT NULL LIMIT 1', ())]
    if fresh:
        yield from _lacking(bulk, kind, plan, fresh)


def _lacking(bulk: Bulk, kind: str, plan: Projection, fresh: list[Column]) -> Iterator[str]:
    after = ""
    while True:
        rows = bulk.select(
            f'SELECT r.id, r.state FROM record r JOIN "{plan.table}" k ON k.id = r.id WHERE r.kind = ? AND r.id > ? ORDER BY r.id LIMIT ?',
            (kind, after, PAGE),
        )
        for rec, state in rows:
            record = load(rec, bytes(state))
            if any(column.read(record) is not None for column in fresh):
                yield str(rec)
        if len(rows) < PAGE:
            return
        after = rows[-1][0]
