"""One round trip: push, then pull, then one JSON answer (protocol section 5).

Owns the shape of the answer and the mapping of ledger refusals to the error catalogue; holds no SQL.
Invariants: the push commits before the pull reads, so a device sees the outcome of its own ops in the same answer; a bad
cursor never loses a push - it is committed first, then the rebase is asked for (P-27).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Protocol

import orjson
from sqlalchemy.orm import Session

from server.db import reading, unit
from server.errors import fail
from server.ledger.bulk import Bulk
from server.ledger.clock import BadCursor, ensure_clock, now_ms, read_clock
from server.ledger.intake import BadBatch, Batch, Header, read_batch
from server.ledger.pull import Page, pull, remember_scopes, scopes_known
from server.ledger.push import Pushed, hash_at, peek_author, push
from sync.judge import Rights


class SyncCaller(Protocol):
    """What the ledger needs to know of a caller; `server.accounts` provides it from the bearer token."""

    @property
    def device_id(self) -> str: ...
    @property
    def rights(self) -> Rights: ...
    @property
    def scopes(self) -> tuple[str, ...]: ...
    @property
    def push_only(self) -> bool: ...


def exchange(session: Session, caller: SyncCaller, raw: bytes, rx_at: int | None = None) -> bytes:
    """Answer one sync request. `raw` is the decoded NDJSON body; `rx_at` is the server time in milliseconds."""
    at = now_ms() if rx_at is None else rx_at
    try:
        batch = read_batch(raw)
    except BadBatch as error:
        raise fail(error.code, reason=str(error)) from error
    return answer(session, caller, batch, at)


def answer(session: Session, caller: SyncCaller, batch: Batch, at: int) -> bytes:
    """Push what there is to push, then pull a page."""
    header = batch.header
    scopes = narrowed(caller.scopes, header.scopes)
    pushed = push(session, caller.device_id, batch, caller.rights, at) if batch.lines else standing(session, header)
    head = {
        "acked": pushed.acked, "acked_h": pushed.acked_h, "durable": pushed.durable,
        "now": datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds"), "now_ms": at,
        "verdicts": pushed.verdicts,
    }  # fmt: skip
    if pushed.fork or pushed.resend_from is not None:
        head |= {"fork": True, "same_to": pushed.same_to} if pushed.fork else {"resend_from": pushed.resend_from}
        head |= {"records": [], "gone": [], "scopes": {"granted": scopes, "revoked": []}}
        return orjson.dumps(head | {"cursor": header.cursor, "more": True})
    if caller.push_only:
        head |= {"push_only": True, "records": [], "gone": [], "scopes": {"granted": scopes, "revoked": []}}
        return orjson.dumps(head | {"cursor": header.cursor, "more": False})
    try:
        page = read_page(session, header, scopes)
    except BadCursor as error:
        raise fail("rebase", reason=str(error)) from error
    return _encode(head, page)


def narrowed(scopes: tuple[str, ...], wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    """Scopes of the caller, at most those asked for, sorted: the order names the set in a cursor."""
    return tuple(sorted(set(scopes) if wanted is None else set(scopes) & set(wanted)))


def standing(session: Session, header: Header) -> Pushed:
    """Where the author stands when a request brings no ops: no write, no lock."""
    with reading(session) as reader:
        bulk = Bulk(reader)
        author = peek_author(bulk, header.dev)
        pushed = Pushed(author.acked, author.acked_h, author.durable)
        if header.first > author.acked + 1:
            pushed.resend_from = author.acked + 1
        elif hash_at(bulk, header.dev, header.first - 1) != header.prev_h:
            pushed.fork = True
    return pushed


def read_page(session: Session, header: Header, scopes: tuple[str, ...]) -> Page:
    """One page in one reading transaction. Raises BadCursor."""
    for _ in range(2):
        with reading(session) as reader:
            if is_ready(reader, scopes):
                return pull(reader, header.cursor, scopes, header.limit)
        prepare(session, scopes)
    raise RuntimeError("the ledger does not remember a set of scopes")


def is_ready(reader: Session, scopes: tuple[str, ...]) -> bool:
    """Whether the clock exists and a cursor may already name these scopes."""
    return read_clock(reader) is not None and scopes_known(reader, scopes)


def prepare(session: Session, scopes: tuple[str, ...]) -> None:
    """Make the clock and remember the scopes; a write, needed only at their first use."""
    with unit(session):
        ensure_clock(session)
        remember_scopes(session, scopes)


def _encode(head: dict[str, Any], page: Page) -> bytes:
    """The answer as bytes; stored states are copied in, not decoded."""
    tail: dict[str, Any] = {
        "gone": page.gone, "scopes": {"granted": page.granted, "revoked": page.revoked},
        "cursor": page.cursor, "seq": page.seq, "more": page.more,
    }  # fmt: skip
    if page.digest is not None:
        tail["digest"] = page.digest
    start = orjson.dumps(head)[:-1] + b',"records":['
    return start + b",".join(page.records) + b"]," + orjson.dumps(tail)[1:]
