"""The board in memory: folding a batch of judged lines onto records already read.

Owns what one batch does to its records and the verdict of every line; does no I/O.
Invariants: every line gets exactly one verdict and every verdict means stored (P-20); a line that makes the fold fail is
quarantined alone and its record is rebuilt without it (P-22); a quarantined op only raises the version vector; the text of
an op that an erasure covers goes no further than here, and nothing is folded onto an erased record (P-43).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from server.kinds import KINDS
from server.ledger.erasures import Erasure, is_about
from server.ledger.feed import UNFED
from server.ledger.intake import Line
from server.ledger.marks import RECORD_ERASED, TEXT_GONE, is_accepted, is_released, why_of
from server.ledger.state import load
from sync.fold import absorb, file_bare, fold_op, release_parked
from sync.judge import Rights, corrected_time, judge_op
from sync.merge_kinds import disputes
from sync.op import Op
from sync.record import Record, new_record
from sync.stamp import conflict_id, make_stamp

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Stored:
    """A record as it stands in the table, its state as stored. `seq` as in `feed`: 0 holds only quarantined ops, fed to nobody."""

    kind: str
    scope: str
    seq: int
    state: bytes
    open_conflicts: int


@dataclass(slots=True)
class Touched:
    """One record while a batch is being folded onto it."""

    record: Record
    stored: Stored | None
    # Where a record that only holds quarantined ops is filed.
    fallback_scope: str = ""
    disputed_before: frozenset[str] = frozenset()
    disputed_after: frozenset[str] = frozenset()
    changed: set[str] = field(default_factory=set)
    had_parked: bool = False
    # Folded anew from the log: its typed row is replaced, not updated.
    anew: bool = False
    folded: bool = False
    first_at: int = 2**62
    last_at: int = 0
    # What this batch did so far, kept to rebuild the record when a fold fails half-way.
    done: list[tuple[Op, int, bool]] = field(default_factory=list)

    @property
    def is_made(self) -> bool:
        """Whether an op was folded into it: what is kept aside does not say what a record is."""
        return self.folded or (self.stored is not None and self.stored.seq != UNFED)


@dataclass(slots=True)
class Verdict:
    """The answer for one line."""

    line: Line
    at_c: int
    verdict: str
    why: str | None = None
    conflict: str | None = None
    # The erasure that covers it: of the line only its place is stored.
    erasure: Erasure | None = None

    def wire(self) -> dict[str, Any]:
        """As it goes to the device."""
        answer: dict[str, Any] = {"n": self.line.n, "v": self.verdict}
        if self.conflict:
            answer["conflict"] = self.conflict
        if self.why:
            answer["why"] = self.why
        return answer


class Folder:
    """Folds the lines of one author onto records read before. `erasures`: of the records these lines speak of."""

    def __init__(
        self, dev: str, stored: dict[str, Stored], erasures: Mapping[str, Erasure], rights: Rights | None, last_at_c: int, rx_at: int
    ) -> None:
        self.dev = dev
        self.stored = stored
        self.erasures = erasures
        self.rights = rights
        self.last_at_c = last_at_c
        self.rx_at = rx_at
        self.touched: dict[str, Touched] = {}

    def fold(self, line: Line) -> Verdict:
        """Fold one line and say what became of it."""
        op = line.op
        came = line.came
        erasure = self._covering(line)
        if op is None:
            at_c = came.at_c if came else self.last_at_c
            if erasure is not None:
                return Verdict(line, at_c, TEXT_GONE, erasure=erasure)
            return Verdict(line, at_c, "quarantined", RECORD_ERASED if line.erased else line.why)
        at_c = came.at_c if came else corrected_time(op.at_ms, op.skew, self.last_at_c, self.rx_at)
        self.last_at_c = at_c
        if erasure is not None:
            return Verdict(line, at_c, TEXT_GONE, erasure=erasure)
        touched = self.touched.get(op.rec) or self._touch(op)
        about_erased = RECORD_ERASED if self.erasures and is_about(op, self.erasures) else None
        why = about_erased or line.why or (None if came and is_accepted(came.mark) else self._out_of_reach(op, touched))
        if why is not None:
            line.why = why
            if not touched.is_made:
                file_bare(touched.record, op)
            touched.changed.update(absorb(touched.record, op))
            touched.done.append((op, at_c, False))
            return Verdict(line, at_c, "quarantined", why)
        if not touched.is_made:
            touched.record.kind, touched.record.scope = op.kind, ""
        try:
            outcome = fold_op(touched.record, op, at_c)
        except Exception:
            # Whatever is wrong with this op, it must not delay the device's next one; a person gets to see it.
            log.exception("fold_failed", dev=op.dev, n=op.n)
            self._rebuild(touched)
            touched.changed.update(absorb(touched.record, op))
            touched.done.append((op, at_c, False))
            line.why = "fold_error"
            return Verdict(line, at_c, "quarantined", "fold_error")
        touched.done.append((op, at_c, True))
        if came and is_released(came.mark):
            touched.had_parked = True
            release_parked(touched.record, op.stamp)
        touched.folded = True
        touched.first_at = min(touched.first_at, at_c)
        touched.last_at = max(touched.last_at, at_c)
        touched.changed.update(op.fields)
        touched.changed.update(outcome.changed)
        conflict = self._conflict_of(op, touched) if outcome.verdict == "conflict" else None
        return Verdict(line, at_c, outcome.verdict, why_of(came.mark) if came else None, conflict)

    def finish(self) -> list[Touched]:
        """Records to write, by id; disputes after the batch are derived from heads."""
        for touched in self.touched.values():
            # Also where nothing was folded: an op kept aside is still something a deleter had not seen.
            touched.disputed_after = frozenset(disputes(touched.record))
        return [self.touched[key] for key in sorted(self.touched)]

    def _covering(self, line: Line) -> Erasure | None:
        """The erasure that covers a line, or of whose record its text is gone already."""
        if not self.erasures:
            return None
        if line.op is None:
            return self.erasures.get(line.erased or "")
        erasure = self.erasures.get(line.op.rec)
        return erasure if erasure is not None and make_stamp(self.dev, line.n, line.h) in erasure.ops else None

    def _touch(self, op: Op) -> Touched:
        stored = self.stored.get(op.rec)
        record = load(op.rec, stored.state) if stored else new_record(op.rec, op.kind)
        touched = Touched(record, stored, op.scope)
        if stored and stored.open_conflicts:
            touched.disputed_before = frozenset(disputes(record))
        touched.had_parked = bool(record.wait)
        self.touched[op.rec] = touched
        return touched

    def _out_of_reach(self, op: Op, touched: Touched) -> str | None:
        """Reasons only the stored record can tell: another kind, or a scope the author has no right to."""
        if not touched.is_made:
            return None
        if touched.record.kind != op.kind:
            return "kind_mismatch"
        if self.rights is not None and touched.record.scope != op.scope:
            # Where it says it is, its author may have a right that he has not where it is.
            return judge_op(replace(op, scope=touched.record.scope), self.rights, KINDS)
        return None

    def _rebuild(self, touched: Touched) -> None:
        """The record as it was before the op that failed."""
        record = touched.record
        fresh = load(record.id, touched.stored.state) if touched.stored else new_record(record.id, record.kind)
        for op, at_c, folds in touched.done:
            if folds:
                fold_op(fresh, op, at_c)
            else:
                absorb(fresh, op)
        touched.record = fresh

    def _conflict_of(self, op: Op, touched: Touched) -> str | None:
        found = [name for name in disputes(touched.record) if name in op.fields]
        return conflict_id(op.rec, found[0]) if found else None
