"""Quarantine: what arrived and was not applied, until a person decides.

Owns listing, releasing and keeping quarantined lines, and the release of fields that wait for an unknown parent (P-10).
Invariants: nothing is ever deleted here (an erasure does, P-43); releasing an op folds its record anew from the log, so the outcome is the same as
if the op had been accepted when it came. Only kept can be: bytes that are no op, what would reach every handheld, an op of another
kind than its record, a line that follows on nothing its author's chain holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson
from sqlalchemy.orm import Session

from server.db import joined_unit, unit
from server.ledger import brought, store
from server.ledger.bulk import Bulk
from server.ledger.chains import forget_digest
from server.ledger.clock import now_ms
from server.ledger.intake import exposed
from server.ledger.lines import read_line, read_raw
from server.ledger.marks import ACCEPTED, QUARANTINED, mark_of, released, why_of
from server.ledger.refold import touch_anew
from sync import limits
from sync.op import parse_op
from sync.stamp import split_stamp

DAY_MS = 86_400_000


class NotReleasable(ValueError):
    """The entry is unknown, already decided, or its bytes are no op that could be folded."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One quarantined line as people see it."""

    id: int
    dev: str
    n: int
    raw: bytes
    why: str
    rx_at: int
    state: str
    rec: str | None
    kind: str | None
    scope: str | None
    user: str | None


def listed(session: Session, state: str = "open", limit: int = 200) -> list[Entry]:
    """Entries in a state, newest first."""
    rows = Bulk(session).select(
        'SELECT q.id, q.dev, q.n, q.raw, q.sha, q.why, q.rx_at, q.state, o.rec, o.kind, o.scope, o."user"'
        " FROM quarantine q LEFT JOIN op_log o ON o.id = q.op_id WHERE q.state = ? ORDER BY q.id DESC LIMIT ?",
        (state, limit),
    )
    return [Entry(row[0], row[1], row[2], read_raw(row[4], row[3]), *row[5:]) for row in rows]


def release(session: Session, entry_id: int, at_ms: int | None = None) -> str:
    """Fold a quarantined op after all; gives the record id. Raises NotReleasable."""
    at = now_ms() if at_ms is None else at_ms
    with joined_unit(session):
        bulk = Bulk(session)
        undecided = bulk.select("SELECT 1 FROM quarantine WHERE id = ? AND state <> 'released'", (entry_id,))
        if not undecided or not brought.join(bulk, entry_id, at):
            raise NotReleasable(str(entry_id))
        rows = bulk.select(
            # Whatever else it is kept aside for: nothing goes onto an erased record (P-43) or one of another kind.
            "SELECT o.id, o.rec, o.dev, o.n, o.h, o.line, o.verdict FROM quarantine q JOIN op_log o ON o.id = q.op_id"
            " WHERE q.id = ? AND q.why NOT IN ('bad_scope', 'kind_mismatch', 'record_erased')"
            " AND NOT EXISTS (SELECT 1 FROM erasure e WHERE e.rec = o.rec)"
            " AND NOT EXISTS (SELECT 1 FROM record r WHERE r.id = o.rec AND r.seq <> 0 AND r.kind <> o.kind)",
            (entry_id,),
        )
        if not rows or not rows[0][1]:
            raise NotReleasable(str(entry_id))
        op_id, rec, dev, n, h, line, verdict = rows[0]
        if verdict != QUARANTINED:
            # A brought line that its author has sent himself meanwhile.
            return str(rec)
        # A personal record that would reach every handheld is never let through (M-50).
        if exposed(parse_op(orjson.loads(read_line(dev, n, h, line)), dev, n, h)) is not None:
            raise NotReleasable(str(entry_id))
        bulk.execute("UPDATE op_log SET verdict = 'applied', why = ? WHERE id = ?", (why_of(ACCEPTED), op_id))
        bulk.execute("UPDATE quarantine SET state = 'released' WHERE id = ?", (entry_id,))
        _write_anew(bulk, rec, at)
        forget_digest(bulk, dev)
    return str(rec)


def keep(session: Session, entry_id: int) -> None:
    """A person has seen it and leaves it aside; it stays stored. Raises NotReleasable when there is no such open entry."""
    with joined_unit(session):
        bulk = Bulk(session)
        if not bulk.select("SELECT 1 FROM quarantine WHERE id = ? AND state = 'open'", (entry_id,)):
            raise NotReleasable(str(entry_id))
        bulk.execute("UPDATE quarantine SET state = 'kept' WHERE id = ?", (entry_id,))


def release_overdue(session: Session, at_ms: int | None = None) -> list[str]:
    """Release parked fields whose parent did not arrive within the limit; gives the record ids. For a daily job."""
    at = now_ms() if at_ms is None else at_ms
    before = at - limits.PARK_DAYS_MAX * DAY_MS
    rows = Bulk(session).select("SELECT id FROM record WHERE parked_since < ? ORDER BY id", (before,))
    return [row[0] for row in rows if release_parked_record(session, row[0], at)]


def release_parked_record(session: Session, rec: str, at_ms: int | None = None) -> bool:
    """Turn everything that waits on a record into heads with an unknown base, by hand or when overdue."""
    at = now_ms() if at_ms is None else at_ms
    with unit(session):
        bulk = Bulk(session)
        touched = touch_anew(bulk, rec)
        if touched is None or not touched.record.wait:
            return False
        waiting = sorted(split_stamp(stamp) for stamp in {entry[0] for entry in touched.record.wait})
        for dev, n, h in waiting:
            found = bulk.select("SELECT id, verdict, why FROM op_log WHERE dev = ? AND n = ? AND h = ?", (dev, n, h))
            for op_id, verdict, why in found:
                bulk.execute("UPDATE op_log SET why = ? WHERE id = ?", (why_of(released(mark_of(verdict, why))), op_id))
        _write_anew(bulk, rec, at)
        for dev in sorted({dev for dev, _, _ in waiting}):
            forget_digest(bulk, dev)
    return True


def _write_anew(bulk: Bulk, rec: str, at: int) -> None:
    touched = touch_anew(bulk, rec)
    if touched is not None:
        store.write_records(bulk, [touched], at)
