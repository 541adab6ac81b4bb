"""Proof that the cache equals the log, and its rebuilding.

Owns the comparison of every stored record, digest and conflict with a pure fold of the op log (property 21). `fold_anew` only
reads; `rebuild` writes what differs as changed records, so that every reader gets it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlalchemy.orm import Session

from server.db import reading, unit
from server.ledger import erasures, store
from server.ledger.bulk import Bulk
from server.ledger.clock import now_ms
from server.ledger.erasures import Erasure
from server.ledger.feed import signed
from server.ledger.refold import LOG_COLUMNS, fold_logged, touch_anew
from server.ledger.state import canonical, dump
from sync.merge_kinds import disputes
from sync.stamp import digest64

PAGE = 5_000


@dataclass(slots=True)
class Report:
    """What was compared and what differs; `ok` when nothing does."""

    records: int = 0
    ops: int = 0
    differing: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the cache is exactly the fold."""
        return not (self.differing or self.missing or self.conflicts or self.digests)


def fold_anew(session: Session) -> Report:
    """Fold every record anew and compare bytes, open conflicts and digests, in one consistent read."""
    with reading(session) as reader:
        return _compare(Bulk(reader))


def _compare(bulk: Bulk) -> Report:
    report = Report()
    open_fields: dict[str, set[str]] = {}
    for rec, name in bulk.select("SELECT rec, field FROM conflict WHERE closed_at IS NULL", ()):
        open_fields.setdefault(rec, set()).add(name)
    sums: dict[tuple[str, str], list[int]] = {}
    erased = {each.rec: each for each in erasures.every(bulk)}
    for rec, logged, erasure in _records(bulk, erased):
        report.ops += len(logged)
        report.records += 1
        folded = fold_logged(logged, erasure)
        found = bulk.select("SELECT state, scope, seq, kind FROM record WHERE id = ?", (rec,))
        if folded is None and not found:
            continue  # only lines whose text was gone when they came
        if folded is None or not found:
            report.missing.append(rec)
            continue
        state, scope, seq, kind = found[0]
        if canonical(rec, bytes(state)) != dump(folded[0]):
            report.differing.append(rec)
        if seq > 0:
            total = sums.setdefault((scope, kind), [0, 0])
            total[0] += 1
            total[1] ^= signed(digest64(rec, seq))
            if set(disputes(folded[0])) != open_fields.get(rec, set()):
                report.conflicts.append(rec)
    digests = bulk.select("SELECT scope, kind, count, xor FROM scope_digest", ())
    stored = {(scope, kind): [count, xor] for scope, kind, count, xor in digests}
    empty = [0, 0]
    differing = {key for key in stored.keys() | sums.keys() if stored.get(key, empty) != sums.get(key, empty)}
    report.digests = sorted({scope for scope, _ in differing})
    return report


def rebuild(session: Session, records: Sequence[str], at_ms: int | None = None) -> int:
    """Write the fold of the log over the given records (from a Report, or what `catch_up` found)."""
    at = now_ms() if at_ms is None else at_ms
    for rec in records:
        with unit(session):
            bulk = Bulk(session)
            touched = touch_anew(bulk, rec)
            if touched is not None:
                store.write_records(bulk, [touched], at)
    return len(records)


def _records(bulk: Bulk, erased: dict[str, Erasure]) -> Iterator[tuple[str, list[Sequence[Any]], Erasure | None]]:
    """Every record of the log with its rows and its erasure, then those of which nothing but the erasure is here."""
    bare = set(erased)
    for rec, rows in groupby(_log(bulk), key=lambda row: str(row[0])):
        bare.discard(rec)
        yield rec, list(rows), erased.get(rec)
    for rec in sorted(bare):
        yield rec, [], erased[rec]


def _log(bulk: Bulk) -> Iterator[Sequence[Any]]:
    """Log rows by record then arrival, a page at a time. Lines that are no op belong to no record."""
    after: tuple[str, int] = ("", 0)
    while True:
        rows = bulk.select(
            f"SELECT {LOG_COLUMNS}, id FROM op_log WHERE rec > ? OR (rec = ? AND id > ?) ORDER BY rec, id LIMIT ?",
            (after[0], after[0], after[1], PAGE),
        )
        for row in rows:
            if row[0]:
                yield row[:-1]
        if len(rows) < PAGE:
            return
        after = (rows[-1][0], rows[-1][-1])
