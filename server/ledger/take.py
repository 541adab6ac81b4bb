"""Taking from another node: lines of a chain with their envelopes, and its notes (P-60).

Owns the transactions of that. A node trusts a node: what one judged is not judged again, only folded. Invariants: taking the same
twice changes nothing; of two chains under one name the upper node's stands, and the other goes on under the name its device will
give it as well (P-24), so that nothing is lost and nothing comes twice; of two notes the greater mark and the earlier time hold on both nodes;
a line whose text is gone is taken only once its erasure is known, which nodes exchange first (P-43).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.ledger import erasures, store
from server.ledger.apply import Touched
from server.ledger.bulk import Bulk
from server.ledger.chains import Block, Note, came_of, forget_digest
from server.ledger.clock import ensure_clock
from server.ledger.intake import Line, read_lines
from server.ledger.lines import read_line
from server.ledger.marks import ERASED, KEPT_ASIDE, QUARANTINED, is_accepted, mark_of, why_of
from server.ledger.push import Author, fold_lines, hash_at, read_author, retried, write_author
from server.ledger.refold import touch_anew
from sync.fork import renumber
from sync.stamp import GENESIS


@dataclass(slots=True)
class Taken:
    """How far the author's chain is kept now. `parted`: nothing was taken, because the chain here is another one."""

    n: int
    h: str
    parted: bool = False


def take(session: Session, block: Block, at: int, *, yielding: bool) -> Taken:
    """Fold a block of another node's lines. `yielding`: where the chains part, its chain replaces the one here."""
    return retried(session, lambda: _take(session, block, at, yielding))


def _take(session: Session, block: Block, at: int, yielding: bool) -> Taken:
    clock = ensure_clock(session)
    bulk = Bulk(session)
    author = read_author(bulk, block.dev, at)
    if block.first > author.acked + 1:
        return Taken(author.acked, author.acked_h)
    lines = _lines(block)
    known = dict(bulk.select("SELECT n, h FROM op_log WHERE dev = ? AND n >= ?", (block.dev, block.first - 1)))
    same_start = block.first == 1 or known[block.first - 1] == block.prev_h
    differing = [line.n for line in lines if line.n in known and known[line.n] != line.h]
    if not same_start or differing:
        if not same_start or not yielding:
            return Taken(author.acked, author.acked_h, parted=True)
        _give_way(bulk, author, differing[0], at, clock.node)
    fresh = _explained(bulk, [line for line in lines if line.n > author.acked])
    if fresh:
        device = fresh[-1].came.device if fresh[-1].came else ""
        fold_lines(bulk, author, fresh, None, at, clock.node, device)
        write_author(bulk, author, device)
    return Taken(author.acked, author.acked_h)


def _explained(bulk: Bulk, lines: list[Line]) -> list[Line]:
    """The lines before the first erased one whose erasure is not known here yet."""
    gone = {line.erased for line in lines if line.erased is not None}
    unknown = gone - erasures.read(bulk, gone).keys() if gone else gone
    for at, line in enumerate(lines):
        if line.erased in unknown and line.came is not None and line.came.mark == ERASED:
            return lines[:at]
    return lines


def _lines(block: Block) -> list[Line]:
    lines = read_lines(block.dev, block.first, block.prev_h, list(block.lines))
    for line, came in zip(lines, block.came, strict=True):
        line.came = came
        if came.mark == KEPT_ASIDE:
            line.why = came.why or "unknown"
    return lines


def _give_way(bulk: Bulk, author: Author, first: int, at: int, node: str) -> None:
    """Let the end of a chain go on under the name its device would give it, and fold its records anew."""
    dev = author.dev
    rows = bulk.select(
        "SELECT n, h, line, device, node, rx_at, at_c, verdict, why, rec FROM op_log WHERE dev = ? AND n >= ? ORDER BY n", (dev, first)
    )
    fresh, texts = renumber(dev, first, [(h, read_line(dev, n, h, line)) for n, h, line, *_ in rows])
    bulk.execute("UPDATE quarantine SET op_id = NULL, state = 'kept' WHERE dev = ? AND n >= ? AND op_id IS NOT NULL", (dev, first))
    bulk.execute("DELETE FROM op_log WHERE dev = ? AND n >= ?", (dev, first))
    author.acked, author.acked_h = first - 1, hash_at(bulk, dev, first - 1)
    _fold_anew(bulk, {row[9] for row in rows if row[9]}, at)
    forget_digest(bulk, dev)
    heir = read_author(bulk, fresh, at)
    block = Block(fresh, 1, GENESIS, [came_of(row) for row in rows], texts)
    lines = _lines(block)
    # Its device may have been here before under the new name, with the same ops; should they be others, a person has to look.
    known = dict(bulk.select("SELECT n, h FROM op_log WHERE dev = ?", (fresh,)))
    if any(known.get(line.n, line.h) != line.h for line in lines):
        store.keep(bulk, [store.aside(fresh, line, "fork", at) for line in lines])
        return
    lines = [line for line in lines if line.n > heir.acked]
    if lines:
        fold_lines(bulk, heir, lines, None, at, node, block.came[-1].device)
        write_author(bulk, heir, block.came[-1].device)


def _fold_anew(bulk: Bulk, recs: set[str], at: int) -> None:
    """Write records as their log now makes them."""
    touched: list[Touched] = []
    for rec in sorted(recs):
        found = touch_anew(bulk, rec)
        if found is None:
            store.withdraw(bulk, rec, at)
        else:
            touched.append(found)
    store.write_records(bulk, touched, at)


def merge(session: Session, dev: str, theirs: Sequence[Note], at: int) -> bool:
    """Take over what another node noted of ops this one has as well; gives whether anything changed here."""
    return retried(session, lambda: _merge(session, dev, theirs, at))


def _merge(session: Session, dev: str, theirs: Sequence[Note], at: int) -> bool:
    bulk = Bulk(session)
    author = read_author(bulk, dev, at)
    rows = bulk.select("SELECT n, id, h, rec, line, at_c, verdict, why FROM op_log WHERE dev = ?", (dev,))
    by_n = {row[0]: row for row in rows}
    recs: set[str] = set()
    for note in theirs:
        if note.n not in by_n:
            continue
        n, op_id, h, rec, kept, at_c, verdict, why = by_n[note.n]
        mark, earlier = mark_of(verdict, why), min(at_c, note.at_c)
        # What is erased there is not told by a mark: the erasure itself comes before the next meeting is over (P-43).
        greater = mark < note.mark != ERASED
        if not greater and earlier == at_c:
            continue
        if greater:
            verdict = QUARANTINED if note.mark == KEPT_ASIDE else "applied"
            why = note.why if note.mark == KEPT_ASIDE else why_of(note.mark)
            if note.mark == KEPT_ASIDE:
                line = Line(n, h, read_line(dev, n, h, kept))
                store.keep(bulk, [store.aside(dev, line, why or "unknown", at)])
                bulk.execute("UPDATE quarantine SET op_id = ? WHERE dev = ? AND n = ? AND op_id IS NULL AND why NOT IN ('fork', ?)", (op_id, dev, n, store.UNPROVEN))
            elif is_accepted(note.mark):
                bulk.execute("UPDATE quarantine SET state = 'released' WHERE op_id = ? AND why <> 'record_erased'", (op_id,))
        bulk.execute("UPDATE op_log SET at_c = ?, verdict = ?, why = ? WHERE id = ?", (earlier, verdict, why, op_id))
        if n == author.acked:
            bulk.execute("UPDATE incarnation SET last_at_c = ? WHERE dev = ?", (earlier, dev))
        recs.add(rec)
    if not recs:
        return False
    _fold_anew(bulk, {rec for rec in recs if rec}, at)
    forget_digest(bulk, dev)
    return True
