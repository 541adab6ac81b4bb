"""Erasing records and taking over what another node or a backup's list says was erased.

Owns the transaction around both. Invariants: the trace in the audit log and the erasure stand or fall together and hold no personal
data; whoever erases a record again also erases what has come about it since; taking over twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from server import jobs
from server.accounts import audit
from server.centre.tables import DAY_MS, day_start_ms
from server.db import on_commit, unit
from server.erasure import cascade, files
from server.errors import fail
from server.ledger import erasures
from server.ledger.bulk import Bulk
from server.ledger.clock import ensure_clock
from server.ledger.erase import carry_out
from server.ledger.erasures import REASONS, Erasure

SCRUB = "erase_scrub"
# When handhelds rest and no backup runs: the tables are locked for as long as they are rewritten.
SCRUB_AT_MS = 3 * 3_600_000 + 1_800_000


@dataclass(frozen=True, slots=True)
class Result:
    """How many records and files went."""

    records: int
    files: int


def erase(session: Session, recs: Sequence[str], why: str, author: str, at: int, device: str | None = None) -> Result:
    """Erase records with all that only speaks of them. Raises `not_found`, `invalid`."""
    if why not in REASONS:
        raise fail("invalid", errors={"why": ["unknown reason"]})
    with unit(session):
        bulk = Bulk(session)
        there = cascade.standing(session, recs)
        if set(recs) - there.keys():
            raise fail("not_found")
        if any(kind not in cascade.ERASABLE for kind, _ in there.values()):
            raise fail("invalid", errors={"rec": ["not a record about a person"]})
        wanted = cascade.closure(session, recs)
        entries, others = cascade.aside(bulk, wanted)
        wanted |= {rec for _, rec in entries if rec}
        there = cascade.standing(session, wanted)
        made = [
            Erasure(rec, kind, scope, at, why, author, erasures.stamps_of(bulk, rec))
            for rec, (kind, scope) in sorted(there.items()) if kind in cascade.ERASABLE
        ]  # fmt: skip
        done = carry_out(bulk, made, at)
        texts = done.texts + _forget_kept(bulk, entries)
        gone = _settle(session, texts, others, at)
        for rec in recs if done.recs else ():
            audit.note(session, at, author, "erase", rec, device, why=why, kind=there[rec][0], records=len(done.recs), files=len(gone))
    return Result(len(done.recs), len(gone))


def _forget_kept(bulk: Bulk, entries: Sequence[tuple[int, str]]) -> list[bytes]:
    """Copies of these lines that a fork left in quarantine; those of the log went with it."""
    wanted = {entry for entry, _ in entries}
    texts = [line for entry, _, _, line in erasures.kept_lines(bulk) if entry in wanted]
    for entry in sorted(wanted):
        bulk.execute("DELETE FROM quarantine WHERE id = ? AND op_id IS NULL", (entry,))
    return texts


def adopt(session: Session, told: Sequence[Erasure], at: int, device: str | None = None) -> list[str]:
    """Carry out what was erased elsewhere; gives the records that were new here. `device`: the node that told, if one did."""
    with unit(session):
        ensure_clock(session)
        bulk = Bulk(session)
        done = carry_out(bulk, told, at)
        if done.recs:
            _settle(session, done.texts, [line for _, _, _, line in erasures.kept_lines(bulk)], at)
        new = set(done.recs)
        for each in told:
            if each.rec in new and device is not None:
                audit.note(session, at, each.author, "erase", each.rec, device, why=each.why, kind=each.kind, told=True)
    return done.recs


def _settle(session: Session, texts: Sequence[bytes], kept: Sequence[bytes], at: int) -> list[str]:
    gone = files.drop(session, files.named_in(texts), kept, at)
    if not jobs.is_waiting(session, SCRUB):
        night = day_start_ms(at) + SCRUB_AT_MS
        jobs.add(session, SCRUB, {}, night if night > at else night + DAY_MS)
    on_commit(session, jobs.wake)
    return gone
