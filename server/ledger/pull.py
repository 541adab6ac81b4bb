"""Pull: the coalesced states a reader has not seen, in feed order.

Owns the reading side of P-25 to P-28. Runs in one read-only snapshot that also reads the clock, so a page and the head
it claims belong together. States are passed on as bytes, never decoded; sealed ones are opened. `feeds` are those of `feeds.py`.
Invariants: a page is cut by seq over records and departures alike, so nothing between two pages is skipped; a newly granted
feed is sent whole before the main seq moves on; the digest is given only when the reader has everything, and of what he is given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy.orm import Session

from server.ledger.bulk import Bulk
from server.ledger.clock import (
    BadCursor,
    Clock,
    Cursor,
    read_cursor,
    scopes_hash,
    write_cursor,
)
from server.ledger.feed import digest_text
from server.ledger.feeds import COMMON_KINDS, is_masked, scope_of, visible
from server.ledger.state import wire


@dataclass(slots=True)
class Page:
    """One answer to a pull. `records` are JSON objects as bytes."""

    cursor: str
    seq: int
    more: bool
    feeds: tuple[str, ...]
    records: list[bytes] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    digest: dict[str, Any] | None = None


def scopes_known(session: Session, feeds: tuple[str, ...]) -> bool:
    """Whether a cursor may already name this set of feeds."""
    return bool(Bulk(session).select("SELECT 1 FROM scope_set WHERE hash = ?", (scopes_hash(feeds),)))


def remember_scopes(session: Session, feeds: tuple[str, ...]) -> None:
    """Store a set of feeds under its hash. Must run inside a writing transaction."""
    Bulk(session).insert(
        "scope_set", ("hash", "scopes"), [(scopes_hash(feeds), orjson.dumps(feeds).decode())],
        "ON CONFLICT (hash) DO NOTHING",
    )  # fmt: skip


def pull(session: Session, token: str | None, feeds: tuple[str, ...], limit: int, clock: Clock) -> Page:
    """One page for a reader who holds `feeds` (sorted), `clock` as this transaction sees it. Raises BadCursor when he must start over."""
    bulk = Bulk(session)
    cursor, revoked = _resume(bulk, token, feeds, clock)
    page = Page("", clock.seq, False, feeds, revoked=revoked)
    left = limit
    catch = dict(cursor.catch)
    for feed in sorted(catch):
        reached, full = _read(bulk, page, (feed,), catch[feed], left, clock.seq)
        left = limit - len(page.records)
        if full or left <= 0:
            catch[feed] = reached
            break
        del catch[feed]
    seq = cursor.seq
    if not catch and left > 0:
        seq, page.more = _read_main(bulk, page, feeds, cursor.seq, left, clock.seq)
    else:
        page.more = True
    page.cursor = write_cursor(Cursor(clock.node, clock.epoch, seq, cursor.scopes_hash, catch), clock.secret)
    page.seq = seq
    if not page.more:
        page.digest = _digest(bulk, feeds)
    return page


def _resume(bulk: Bulk, token: str | None, feeds: tuple[str, ...], clock: Clock) -> tuple[Cursor, list[str]]:
    """Where to go on, and which scopes the reader had before and has no more."""
    here = scopes_hash(feeds)
    if token is None:
        return Cursor(clock.node, clock.epoch, 0, here), []
    cursor = read_cursor(token, clock)
    if cursor.scopes_hash == here:
        return cursor, []
    rows = bulk.select("SELECT scopes FROM scope_set WHERE hash = ?", (cursor.scopes_hash,))
    if not rows:
        raise BadCursor("unknown scopes")
    before = set(orjson.loads(rows[0][0]))
    catch: dict[str, int] = {}
    for feed in feeds:
        # Who had the whole scope has what its masked feed holds.
        had = next((each for each in (feed, scope_of(feed)) if each in before), None)
        if had is None:
            catch[feed] = 0
        elif had in cursor.catch:
            catch[feed] = cursor.catch[had]
    revoked = {scope_of(feed) for feed in before} - {scope_of(feed) for feed in feeds}
    return Cursor(cursor.node, cursor.epoch, cursor.seq, here, catch), sorted(revoked)


def _read(bulk: Bulk, page: Page, feeds: tuple[str, ...], after: int, limit: int, head: int) -> tuple[int, bool]:
    """Append up to `limit` states of `feeds` after a seq; gives the seq reached and whether more remain."""
    condition, values = visible(feeds)
    rows = bulk.select(
        f"SELECT seq, id, state FROM record WHERE {condition} AND seq > ? ORDER BY seq LIMIT ?", (*values, after, limit + 1)
    )
    more = len(rows) > limit
    rows = rows[:limit]
    page.records += [wire(rec, seq, bytes(state)) for seq, rec, state in rows]
    return (rows[-1][0] if more else head), more


def _read_main(bulk: Bulk, page: Page, feeds: tuple[str, ...], after: int, limit: int, head: int) -> tuple[int, bool]:
    """States and departures of the main feed, cut at the same seq."""
    if not feeds or after >= head:
        return head, False
    reached, more = _read(bulk, page, feeds, after, limit, head)
    if after > 0:
        # Only what these feeds held: a masked reader learns of no record about a person, not even its id.
        held, was = visible(feeds, "d")
        condition, values = visible(feeds, "r")
        rows = bulk.select(
            f"SELECT DISTINCT d.rec FROM departure d LEFT JOIN record r ON r.id = d.rec AND r.seq > 0"
            f" WHERE {held} AND d.seq > ? AND d.seq <= ? AND (r.id IS NULL OR NOT ({condition})) ORDER BY d.rec",
            (*was, after, reached, *values),
        )
        page.gone += [row[0] for row in rows]
    return reached, more


def _digest(bulk: Bulk, feeds: tuple[str, ...]) -> dict[str, Any]:
    """Count and XOR per scope (P-28) of what the feeds hold; a scope nobody wrote to has an empty digest."""
    sums = {scope_of(feed): [0, 0] for feed in feeds}
    partial = {scope_of(feed) for feed in feeds if is_masked(feed)}
    for scope, kind, count, xor in bulk.select_in("scope, kind, count, xor", "scope_digest", "scope", list(sums)):
        if scope not in partial or kind in COMMON_KINDS:
            sums[scope][0] += count
            sums[scope][1] ^= xor
    return {scope: {"count": count, "xor": digest_text(xor)} for scope, (count, xor) in sums.items()}
