"""Push: storing one batch of one author in one transaction.

Owns the place of a batch in its author's chain (next, repeated, gap, fork) and the order of the transaction.
Invariants: ops, state, verdicts and `acked` commit together (P-20); an identical batch changes nothing and gets the same
verdicts (P-21); a gap is answered with `resend_from` (P-23); a diverging chain is answered with `fork`, its bytes kept (P-24).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog
from prometheus_client import Counter
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from server.db import unit
from server.ledger import erasures, store
from server.ledger.apply import Folder, Verdict
from server.ledger.bulk import Bulk
from server.ledger.clock import ensure_clock
from server.ledger.intake import Batch, Line, judge_lines
from sync.judge import Rights
from sync.stamp import GENESIS

T = TypeVar("T")
log = structlog.get_logger(__name__)
OPS = Counter("xunan_ops_total", "Ops that came from devices", ["verdict"])
ATTEMPTS_MAX = 4
AUTHOR_COLUMNS = ("dev", "device_id", "acked", "acked_h", "durable", "last_at_c", "forked", "created_at")


@dataclass(slots=True)
class Author:
    """The incarnation row of an op author. `device_id` delivered last; "" before anything was. `found`: its `acked` as read."""

    dev: str
    device_id: str = ""
    acked: int = 0
    acked_h: str = GENESIS
    durable: int = 0
    last_at_c: int = 0
    found: int = 0

    def __post_init__(self) -> None:
        self.found = self.acked


@dataclass(slots=True)
class Pushed:
    """What became of a push. `resend_from` and `fork` mean that no op of this batch was consumed.

    `same_to` of a fork: the last n at which both chains are the same, None when they part before this batch.
    """

    acked: int
    acked_h: str
    durable: int
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    resend_from: int | None = None
    fork: bool = False
    same_to: int | None = None

    @property
    def consumed(self) -> bool:
        """Whether the chain goes on here, so that everything sent is stored."""
        return not self.fork and self.resend_from is None


def push(session: Session, device_id: str, batch: Batch, rights: Rights | None, rx_at: int) -> Pushed:
    """Store a batch. Judged before the transaction opens; retried when two writers collide on PostgreSQL."""
    judge_lines(batch.lines, rights)
    reasons = [line.why for line in batch.lines]

    def once() -> Pushed:
        for line, why in zip(batch.lines, reasons, strict=True):
            line.why = why
        return _push_once(session, device_id, batch, rights, rx_at)

    pushed = retried(session, once)
    for verdict in pushed.verdicts:
        OPS.labels(verdict["v"]).inc()
    return pushed


def retried(session: Session, work: Callable[[], T]) -> T:
    """Do it in a unit of work, again when two writers met on the same new record or a deadlock was broken."""
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            with unit(session):
                return work()
        except (IntegrityError, OperationalError) as error:
            if attempt == ATTEMPTS_MAX or not _may_retry(error):
                raise
    raise AssertionError("unreachable")


def _may_retry(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return state in ("40001", "40P01", "23505")


def _push_once(session: Session, device_id: str, batch: Batch, rights: Rights | None, rx_at: int) -> Pushed:
    clock = ensure_clock(session)
    bulk = Bulk(session)
    header = batch.header
    author = read_author(bulk, header.dev, rx_at)
    if header.first > author.acked + 1:
        return Pushed(author.acked, author.acked_h, author.durable, resend_from=author.acked + 1)
    repeated = [line for line in batch.lines if line.n <= author.acked]
    fresh = batch.lines[len(repeated) :]
    verdicts, same_to = _compare(bulk, author, batch, repeated)
    if same_to is None or same_to < header.first - 1 + len(repeated):
        _keep_fork(bulk, author, batch.lines, rx_at)
        return Pushed(author.acked, author.acked_h, author.durable, fork=True, same_to=same_to)
    if not fresh:
        return Pushed(author.acked, author.acked_h, author.durable, verdicts)
    if author.device_id not in ("", device_id):
        if rights is not None and rights.blocked is not None:
            # What a revoked device says under another's name is kept, but must not stand in the other's way.
            _keep_fork(bulk, author, fresh, rx_at)
            return Pushed(author.acked, author.acked_h, author.durable, fork=True, same_to=author.acked)
        # A disk moved to another handheld does this. So would a thief of a name: the log says who it was.
        log.warning("chain_continued_elsewhere", dev=author.dev, device=device_id, before=author.device_id, n=fresh[0].n)
    done = fold_lines(bulk, author, fresh, rights, rx_at, clock.node, device_id)
    write_author(bulk, author, device_id)
    verdicts += [each.wire() for each in done]
    return Pushed(author.acked, author.acked_h, author.durable, verdicts)


def fold_lines(
    bulk: Bulk, author: Author, lines: list[Line], rights: Rights | None, rx_at: int, node: str, device_id: str
) -> list[Verdict]:
    """Fold fresh lines of one author, write everything but the author, and move the author on."""
    concerned = erasures.concerned(line.op for line in lines)
    # Locked as well: who a photo is about must not be erased between here and the commit.
    stored = store.read_records(bulk, concerned)
    gone = erasures.read(bulk, concerned | {line.erased for line in lines if line.erased})
    folder = Folder(author.dev, stored, gone, rights, author.last_at_c, rx_at)
    done = [folder.fold(line) for line in lines]
    touched = folder.finish()
    store.write_ops(bulk, author.dev, device_id, node, done, rx_at)
    store.write_records(bulk, touched, rx_at)
    author.acked, author.acked_h, author.last_at_c = lines[-1].n, lines[-1].h, folder.last_at_c
    return done


def read_author(bulk: Bulk, dev: str, rx_at: int) -> Author:
    """The author's row, locked: two requests of one device never run at the same time. Made at first contact."""
    sql = "SELECT device_id, acked, acked_h, durable, last_at_c FROM incarnation WHERE dev = ?"
    lock = " FOR UPDATE" if bulk.postgres else ""
    rows = bulk.select(sql + lock, (dev,))
    if not rows:
        # Whoever comes second waits here for the first, and then reads the row the first one made.
        bulk.insert("incarnation", AUTHOR_COLUMNS, [(dev, "", 0, GENESIS, 0, 0, False, rx_at)], "ON CONFLICT (dev) DO NOTHING")
        rows = bulk.select(sql + lock, (dev,))
    return Author(dev, *rows[0])


def hash_at(bulk: Bulk, dev: str, n: int) -> str:
    """The hash of a stored op, GENESIS for 0."""
    return str(bulk.select("SELECT h FROM op_log WHERE dev = ? AND n = ?", (dev, n))[0][0]) if n else GENESIS


def hash_before(bulk: Bulk, author: Author, first: int) -> str:
    """The hash of the op before `first`; the author's row knows that of the last one, so a push that goes on never reads the log."""
    return author.acked_h if first == author.acked + 1 else hash_at(bulk, author.dev, first - 1)


def peek_author(bulk: Bulk, dev: str) -> Author:
    """Where an author stands, without a lock; an unknown one stands at the beginning."""
    rows = bulk.select("SELECT device_id, acked, acked_h, durable, last_at_c FROM incarnation WHERE dev = ?", (dev,))
    return Author(dev, *rows[0]) if rows else Author(dev)


def write_author(bulk: Bulk, author: Author, device_id: str) -> None:
    """Store how far the author's chain is kept. A device enrolled again that continues the chain takes it over.

    From where it was read, or not at all: this, and no index of the partitioned log, is why no op can be stored twice (P-21).
    """
    moved = bulk.select(
        "UPDATE incarnation SET device_id = ?, acked = ?, acked_h = ?, last_at_c = ? WHERE dev = ? AND acked = ? RETURNING acked",
        (device_id, author.acked, author.acked_h, author.last_at_c, author.dev, author.found),
    )
    if not moved:
        raise RuntimeError(f"the chain of {author.dev} moved on under its lock")
    author.found = author.acked


def _compare(bulk: Bulk, author: Author, batch: Batch, repeated: list[Line]) -> tuple[list[dict[str, Any]], int | None]:
    """Answers for lines stored before, and the last n up to which this chain is the stored one."""
    header = batch.header
    answers: list[dict[str, Any]] = []
    if hash_before(bulk, author, header.first) != header.prev_h:
        return answers, None
    if not repeated:
        return answers, header.first - 1
    rows = bulk.select(
        "SELECT n, h, verdict, why FROM op_log WHERE dev = ? AND n BETWEEN ? AND ?", (author.dev, header.first, repeated[-1].n)
    )
    by_n = {row[0]: row for row in rows}
    for line in repeated:
        _, h, verdict, why = by_n[line.n]
        if h != line.h:
            break
        answers.append({"n": line.n, "v": "duplicate", "was": verdict} | ({"why": why} if why else {}))
    return answers, header.first - 1 + len(answers)


def _keep_fork(bulk: Bulk, author: Author, lines: list[Line], rx_at: int) -> None:
    """Keep the bytes of a diverging chain, except lines this node already has."""
    rows = bulk.select("SELECT n, h FROM op_log WHERE dev = ? AND n >= ?", (author.dev, lines[0].n if lines else 0))
    have = {(row[0], row[1]) for row in rows}
    store.keep(
        bulk,
        [store.aside(author.dev, line, "fork", rx_at) for line in lines if (line.n, line.h) not in have],
    )
    bulk.execute("UPDATE incarnation SET forked = ? WHERE dev = ?", (True, author.dev))
