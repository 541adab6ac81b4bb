"""Lines that somebody carried here and nobody proved: they wait beside the chain they claim, never in it (P-61).

Owns the way of such lines into quarantine and out of it. Invariants: what is not proven moves no chain, so an author sends his own lines
as if there had been no bundle; his own line stands whatever was brought under its number; a person who lets a brought line in
puts it, and what it follows on, into the chain, where it is the very op its author would have sent - so it is never stored twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy.orm import Session

from server.db import unit
from server.ledger import store
from server.ledger.bulk import Bulk
from server.ledger.clock import ensure_clock
from server.ledger.intake import Line, judge_lines, read_lines
from server.ledger.lines import read_line, read_raw
from server.ledger.push import Author, fold_lines, read_author, retried, write_author
from sync.judge import Rights
from sync.stamp import chain, erased_rec

UNPROVEN = store.UNPROVEN
# Who brought an op that a person let in.
NOBODY = "rescue"
_WAITING = f"why = '{UNPROVEN}' AND op_id IS NULL"


@dataclass(frozen=True, slots=True)
class Aside:
    """How many of the lines are new, and how many were here before - in the log or waiting as well."""

    stored: int
    known: int


def set_aside(session: Session, dev: str, lines: Sequence[Line], rx_at: int) -> Aside:
    """Keep lines for a person. The chain of `dev` stays where it is; twice changes nothing."""
    return retried(session, lambda: _set_aside(Bulk(session), dev, lines, rx_at))


def _set_aside(bulk: Bulk, dev: str, lines: Sequence[Line], rx_at: int) -> Aside:
    first, last = lines[0].n, lines[-1].n
    logged = {row[0]: row[1:] for row in bulk.select("SELECT n, h, line FROM op_log WHERE dev = ? AND n BETWEEN ? AND ?", (dev, first, last))}
    waiting = set(bulk.select("SELECT n, sha FROM quarantine WHERE dev = ? AND n BETWEEN ? AND ?", (dev, first, last)))
    fresh = [
        line for line in lines
        if not (line.n in logged and _is_logged(dev, line, *logged[line.n])) and (line.n, sha256(line.raw).hexdigest()) not in waiting
    ]  # fmt: skip
    store.keep(bulk, [store.aside(dev, line, UNPROVEN, rx_at) for line in fresh])
    return Aside(len(fresh), len(lines) - len(fresh))


def _is_logged(dev: str, line: Line, h: str, kept: bytes) -> bool:
    text = read_line(dev, line.n, h, kept)
    return text == line.raw or (h == line.h and erased_rec(text) is not None)


def join(bulk: Bulk, entry: int, at: int) -> bool:
    """Put a waiting line into its chain, with those it follows on, all of them kept aside there. False when it has no place any more."""
    found = bulk.select(f"SELECT dev, n, h, sha, raw FROM quarantine WHERE id = ? AND {_WAITING}", (entry,))
    if not found:
        return True
    dev, n, h, sha, kept = found[0]
    raw = read_raw(sha, kept)
    clock = ensure_clock(bulk.session)
    author = read_author(bulk, dev, at)
    if n > author.acked:
        lines = _path(bulk, author, n, h, raw)
        if lines is None:
            return False
        nothing = Rights({}, blocked=UNPROVEN)
        judge_lines(lines, nothing)
        fold_lines(bulk, author, lines, nothing, at, clock.node, NOBODY)
        # Who delivered last stays who he was: nobody else did.
        write_author(bulk, author, author.device_id)
        _link(bulk, dev, [(line.n, sha256(line.raw).hexdigest()) for line in lines])
        return True
    stored = bulk.select("SELECT h, line FROM op_log WHERE dev = ? AND n = ?", (dev, n))[0]
    if read_line(dev, n, *stored) != raw:
        return False
    _link(bulk, dev, [(n, sha)])
    return True


def _path(bulk: Bulk, author: Author, n: int, h: str, raw: bytes) -> list[Line] | None:
    """The lines from the end of the chain to this one, each the one that makes the next one's hash come out right."""
    rows = bulk.select(f"SELECT n, h, sha, raw FROM quarantine WHERE dev = ? AND n > ? AND n < ? AND {_WAITING}", (author.dev, author.acked, n))
    by_n: dict[int, list[tuple[str, bytes]]] = {}
    for number, own, sha, kept in rows:
        by_n.setdefault(number, []).append((own, read_raw(sha, kept)))
    texts = [raw]
    for before in range(n - 1, author.acked, -1):
        step = next((each for each in by_n.get(before, ()) if chain(each[0], texts[-1]) == h), None)
        if step is None:
            return None
        h = step[0]
        texts.append(step[1])
    if chain(author.acked_h, texts[-1]) != h:
        return None
    return read_lines(author.dev, author.acked + 1, author.acked_h, texts[::-1])


def _link(bulk: Bulk, dev: str, lines: Sequence[tuple[int, str]]) -> None:
    """Tell waiting entries which op of the log they are, and why that is kept aside; one whose op stands has come after all."""
    for n, sha in lines:
        op_id, verdict, why = bulk.select("SELECT id, verdict, why FROM op_log WHERE dev = ? AND n = ?", (dev, n))[0]
        aside = verdict == "quarantined"
        bulk.execute(
            f"UPDATE quarantine SET op_id = ?, why = ?, state = CASE WHEN ? THEN state ELSE 'released' END"
            f" WHERE dev = ? AND n = ? AND sha = ? AND {_WAITING}",
            (op_id, (why if aside else None) or UNPROVEN, aside, dev, n, sha),
        )


def settle(session: Session, at: int) -> int:
    """For the housekeeping: close what came from its author himself meanwhile; gives how many entries that were."""
    with unit(session):
        bulk = Bulk(session)
        rows = bulk.select(
            "SELECT q.dev, q.n, q.sha, q.raw, o.h, o.line FROM quarantine q JOIN op_log o ON o.dev = q.dev AND o.n = q.n"
            f" WHERE q.why = '{UNPROVEN}' AND q.op_id IS NULL", (),
        )  # fmt: skip
        came = [(dev, n, sha) for dev, n, sha, raw, h, line in rows if read_line(dev, n, h, line) == read_raw(sha, raw)]
        for dev, n, sha in came:
            _link(bulk, dev, [(n, sha)])
    return len(came)
