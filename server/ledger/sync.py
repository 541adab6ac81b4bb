"""One round trip: push, then pull, then one JSON answer (protocol section 5).

Owns the shape of the answer and the mapping of ledger refusals to the error catalogue; holds no SQL.
Invariants: the push commits before the pull reads, so a device sees the outcome of its own ops in the same answer; a bad
cursor never loses a push - it is committed first, then the rebase is asked for (P-27).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson
import structlog
from sqlalchemy.orm import Session

from server.db import reading, unit
from server.errors import fail
from server.ledger.bulk import Bulk
from server.ledger.clock import BadCursor, Clock, ensure_clock, now_ms, read_clock, read_cursor, scopes_hash
from server.ledger.feeds import COMMON_KINDS, best, is_masked, scope_of
from server.ledger.intake import BadBatch, Batch, Header, read_batch
from server.ledger.pull import Page, pull, remember_scopes, scopes_known
from server.ledger.push import Pushed, hash_before, peek_author, push
from sync.judge import Rights

log = structlog.get_logger(__name__)


class SyncCaller(Protocol):
    """What the ledger needs to know of a caller; `server.accounts` provides it from the bearer token."""

    @property
    def device_id(self) -> str: ...
    @property
    def rights(self) -> Rights: ...
    @property
    def feeds(self) -> tuple[str, ...]: ...
    @property
    def push_only(self) -> bool: ...


def exchange(
    session: Session, caller: SyncCaller, raw: bytes, rx_at: int | None = None, on_fork: Callable[[str], None] | None = None
) -> bytes:
    """Answer one sync request. `raw` is the decoded NDJSON body; `rx_at` is the server time in milliseconds.

    `on_fork` is told of an author whose chain parts from the one stored here.
    """
    at = now_ms() if rx_at is None else rx_at
    try:
        batch = read_batch(raw)
    except BadBatch as error:
        raise fail(error.code, reason=str(error)) from error
    return answer(session, caller, batch, at, on_fork)


def answer(session: Session, caller: SyncCaller, batch: Batch, at: int, on_fork: Callable[[str], None] | None = None) -> bytes:
    """Push what there is to push, then pull a page."""
    header = batch.header
    feeds = narrowed(caller.feeds, header.scopes)
    pushed = push(session, caller.device_id, batch, caller.rights, at) if batch.lines else None
    if pushed is not None:
        _tell(header, pushed, len(batch.lines))
    try:
        pushed, page = read(session, header, feeds, pushed, page_wanted=not caller.push_only)
    except BadCursor as error:
        raise fail("rebase", reason=str(error)) from error
    if pushed.fork and on_fork is not None:
        on_fork(header.dev)
    head = {
        "acked": pushed.acked, "acked_h": pushed.acked_h, "durable": pushed.durable,
        "now": datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds"), "now_ms": at,
        "verdicts": pushed.verdicts,
    }  # fmt: skip
    if page is not None:
        return _encode(head, page)
    head |= {"records": [], "gone": [], "scopes": _scopes(feeds, []), "cursor": header.cursor, "more": not pushed.consumed}
    if pushed.fork:
        head |= {"fork": True, "same_to": pushed.same_to}
    elif pushed.resend_from is not None:
        head["resend_from"] = pushed.resend_from
    else:
        head["push_only"] = True
    return orjson.dumps(head)


def narrowed(feeds: tuple[str, ...], wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    """Feeds of the caller, at most those of the scopes asked for, sorted: the order names the set in a cursor."""
    return best(feed for feed in feeds if wanted is None or scope_of(feed) in wanted)


def _tell(header: Header, pushed: Pushed, count: int) -> None:
    """One line per push: `dev` and `n` are the name of an op everywhere, so what became of each can be found again."""
    aside = [verdict["n"] for verdict in pushed.verdicts if verdict["v"] == "quarantined"]
    more: dict[str, Any] = {"aside": aside} if aside else {}
    if not pushed.consumed:
        more |= {"fork": pushed.fork, "resend_from": pushed.resend_from}
    log.info("pushed", dev=header.dev, first=header.first, last=header.first + count - 1, acked=pushed.acked, **more)


def read(
    session: Session, header: Header, feeds: tuple[str, ...], pushed: Pushed | None, *, page_wanted: bool
) -> tuple[Pushed, Page | None]:
    """Where the author stands, when no push has just told, and a page for an author whose chain goes on; both of one view. Raises BadCursor."""
    for _ in range(2):
        with reading(session) as reader:
            stands = pushed or standing(Bulk(reader), header)
            if not page_wanted or not stands.consumed:
                return stands, None
            clock = read_clock(reader)
            if clock is not None and (continues(header.cursor, feeds, clock) or scopes_known(reader, feeds)):
                return stands, pull(reader, header.cursor, feeds, header.limit, clock)
        prepare(session, feeds)
    raise RuntimeError("the ledger does not remember a set of feeds")


def standing(bulk: Bulk, header: Header) -> Pushed:
    """Where the author stands when a request brings no ops: no write, no lock."""
    author = peek_author(bulk, header.dev)
    pushed = Pushed(author.acked, author.acked_h, author.durable)
    if header.first > author.acked + 1:
        pushed.resend_from = author.acked + 1
    elif hash_before(bulk, author, header.first) != header.prev_h:
        pushed.fork = True
    return pushed


def continues(token: str | None, feeds: tuple[str, ...], clock: Clock) -> bool:
    """Whether a cursor of ours already names these feeds, so that they are known. Raises BadCursor."""
    return token is not None and read_cursor(token, clock).scopes_hash == scopes_hash(feeds)


def is_ready(reader: Session, feeds: tuple[str, ...]) -> bool:
    """Whether the clock exists and a cursor may already name these feeds."""
    return read_clock(reader) is not None and scopes_known(reader, feeds)


def prepare(session: Session, feeds: tuple[str, ...]) -> None:
    """Make the clock and remember the feeds; a write, needed only at their first use."""
    with unit(session):
        ensure_clock(session)
        remember_scopes(session, feeds)


def _scopes(feeds: tuple[str, ...], revoked: list[str]) -> dict[str, Sequence[str]]:
    """What the reader may hold, told by scope; of `masked` ones the `common` kinds only (P-45)."""
    masked = sorted(scope_of(feed) for feed in feeds if is_masked(feed))
    return {
        "granted": sorted(scope_of(feed) for feed in feeds), "masked": masked, "common": COMMON_KINDS if masked else (), "revoked": revoked,
    }  # fmt: skip


def _encode(head: dict[str, Any], page: Page) -> bytes:
    """The answer as bytes; stored states are copied in, not decoded."""
    tail: dict[str, Any] = {
        "gone": page.gone, "scopes": _scopes(page.feeds, page.revoked),
        "cursor": page.cursor, "seq": page.seq, "more": page.more,
    }  # fmt: skip
    if page.digest is not None:
        tail["digest"] = page.digest
    start = orjson.dumps(head)[:-1] + b',"records":['
    return start + b",".join(page.records) + b"]," + orjson.dumps(tail)[1:]
