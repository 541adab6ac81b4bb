"""Folding records anew from the sacred log.

Owns the step from logged lines back to a record: used to release a quarantined op, to release parked fields and to verify or
rebuild the cache. The result is a pure function of `op_log` (lines, verdicts, releases) and of the record's erasure, whatever the
order of arrival: an erased record is its erasure, and of ops that this does not cover it knows that they exist (P-43).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from server.ledger import erasures
from server.ledger.apply import Touched
from server.ledger.bulk import Bulk
from server.ledger.erasures import Erasure
from server.ledger.lines import read_line
from server.ledger.marks import ERASED, KEPT_ASIDE, is_released, mark_of
from server.ledger.store import read_records
from sync.fold import fold_all, release_parked
from sync.merge_kinds import disputes
from sync.op import parse_op
from sync.record import Record
from sync.stamp import erased_rec

LOG_COLUMNS = "rec, dev, n, h, line, at_c, verdict, why"


def fold_logged(rows: Iterable[Sequence[Any]], erasure: Erasure | None = None) -> tuple[Record, int, int] | None:
    """The record of its log rows (LOG_COLUMNS) with the first and last corrected time; None when no line is an op."""
    if erasure is not None:
        return _fold_erased(rows, erasure)
    entries = []
    absorbed: set[str] = set()
    released: list[str] = []
    times: list[int] = []
    for _, dev, n, h, line, at_c, verdict, why in rows:
        text = read_line(dev, n, h, line)
        if erased_rec(text) is not None:
            continue
        op = parse_op(orjson.loads(text), dev, n, h)
        entries.append((op, at_c))
        mark = mark_of(verdict, why)
        if mark == KEPT_ASIDE:
            absorbed.add(op.stamp)
        else:
            times.append(at_c)
        if is_released(mark):
            released.append(op.stamp)
    if not entries:
        return None
    record = fold_all(entries, absorbed)
    for stamp in sorted(released):
        release_parked(record, stamp)
    return record, min(times, default=0), max(times, default=0)


def _fold_erased(rows: Iterable[Sequence[Any]], erasure: Erasure) -> tuple[Record, int, int]:
    record = erasure.state()
    for _, dev, n, _, _, _, verdict, why in rows:
        if mark_of(verdict, why) != ERASED:
            record.vv[dev] = max(record.vv.get(dev, 0), n)
    return record, erasure.at, erasure.at


def touch_anew(bulk: Bulk, rec: str) -> Touched | None:
    """A record locked, folded anew from its log and ready to be written as changed in every field."""
    stored = read_records(bulk, [rec]).get(rec)
    rows = bulk.select(f"SELECT {LOG_COLUMNS} FROM op_log WHERE rec = ? ORDER BY id", (rec,))
    folded = fold_logged(rows, erasures.read(bulk, [rec]).get(rec))
    if folded is None:
        return None
    record, first_at, last_at = folded
    touched = Touched(record, stored, record.scope)
    if stored is not None and stored.open_conflicts:
        opened = bulk.select("SELECT field FROM conflict WHERE rec = ? AND closed_at IS NULL", (rec,))
        touched.disputed_before = frozenset(row[0] for row in opened)
    touched.disputed_after = frozenset(disputes(record))
    touched.anew = True
    touched.folded = last_at > 0
    touched.first_at, touched.last_at = first_at, last_at
    return touched
