"""Pull: the coalesced states a reader has not seen, in feed order.

Owns the reading side of P-25 to P-28. Runs in one read-only snapshot that also reads the clock, so a page and the head
it claims belong together. States are passed on as bytes, never decoded; sealed ones are opened.
Invariants: a page is cut by seq over records and departures alike, so nothing between two pages is skipped; a newly granted
scope is sent whole before the main seq moves on; the digest is given only when the reader has everything.
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
    read_clock,
    read_cursor,
    scopes_hash,
    write_cursor,
)
from server.ledger.state import wire


@dataclass(slots=True)
class Page:
    """One answer to a pull. `records` are JSON objects as bytes."""

    cursor: str
    seq: int
    more: bool
    granted: tuple[str, ...]
    records: list[bytes] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    digest: dict[str, Any] | None = None


def scopes_known(session: Session, scopes: tuple[str, ...]) -> bool:
    """Whether a cursor may already name this set of scopes."""
    return bool(Bulk(session).select("SELECT 1 FROM scope_set WHERE hash = ?", (scopes_hash(scopes),)))


def remember_scopes(session: Session, scopes: tuple[str, ...]) -> None:
    """Store a set of scopes under its hash. Must run inside a writing transaction."""
    Bulk(session).insert(
        "scope_set", ("hash", "scopes"), [(scopes_hash(scopes), orjson.dumps(scopes).decode())],
        "ON CONFLICT (hash) DO NOTHING",
    )  # fmt: skip


def pull(session: Session, token: str | None, scopes: tuple[str, ...], limit: int) -> Page:
    """One page for a reader who holds `scopes` (sorted). Raises BadCursor when he must start over."""
    clock = read_clock(session)
    if clock is None:
        raise RuntimeError("the ledger was never opened for writing")
    bulk = Bulk(session)
    cursor, revoked = _resume(bulk, token, scopes, clock)
    page = Page("", clock.seq, False, scopes, revoked=revoked)
    left = limit
    catch = dict(cursor.catch)
    for scope in sorted(catch):
        reached, full = _read(bulk, page, (scope,), catch[scope], left, clock.seq)
        left = limit - len(page.records)
        if full or left <= 0:
            catch[scope] = reached
            break
        del catch[scope]
    seq = cursor.seq
    if not catch and left > 0:
        seq, page.more = _read_main(bulk, page, scopes, cursor.seq, left, clock.seq)
    else:
        page.more = True
    page.cursor = write_cursor(Cursor(clock.node, clock.epoch, seq, cursor.scopes_hash, catch), clock.secret)
    page.seq = seq
    if not page.more:
        page.digest = _digest(bulk, scopes)
    return page


def _resume(bulk: Bulk, token: str | None, scopes: tuple[str, ...], clock: Clock) -> tuple[Cursor, list[str]]:
    """Where to go on, and which scopes the reader had before and has no more."""
    here = scopes_hash(scopes)
    if token is None:
        return Cursor(clock.node, clock.epoch, 0, here), []
    cursor = read_cursor(token, clock)
    if cursor.scopes_hash == here:
        return cursor, []
    rows = bulk.select("SELECT scopes FROM scope_set WHERE hash = ?", (cursor.scopes_hash,))
    if not rows:
        raise BadCursor("unknown scopes")
    before = set(orjson.loads(rows[0][0]))
    catch = {scope: seq for scope, seq in cursor.catch.items() if scope in scopes}
    catch.update({scope: 0 for scope in scopes if scope not in before})
    return Cursor(cursor.node, cursor.epoch, cursor.seq, here, catch), sorted(before - set(scopes))


def _read(bulk: Bulk, page: Page, scopes: tuple[str, ...], after: int, limit: int, head: int) -> tuple[int, bool]:
    """Append up to `limit` states of `scopes` after a seq; gives the seq reached and whether more remain."""
    marks = ", ".join("?" * len(scopes))
    rows = bulk.select(
        f"SELECT seq, id, state FROM record WHERE scope IN ({marks}) AND seq > ? ORDER BY seq LIMIT ?",
        (*scopes, after, limit + 1),
    )
    more = len(rows) > limit
    rows = rows[:limit]
    page.records += [wire(rec, seq, bytes(state)) for seq, rec, state in rows]
    return (rows[-1][0] if more else head), more


def _read_main(bulk: Bulk, page: Page, scopes: tuple[str, ...], after: int, limit: int, head: int) -> tuple[int, bool]:
    """States and departures of the main feed, cut at the same seq."""
    if not scopes or after >= head:
        return head, False
    reached, more = _read(bulk, page, scopes, after, limit, head)
    if after > 0:
        marks = ", ".join("?" * len(scopes))
        rows = bulk.select(
            f"SELECT DISTINCT d.rec FROM departure d JOIN record r ON r.id = d.rec"
            f" WHERE d.scope IN ({marks}) AND d.seq > ? AND d.seq <= ? AND r.scope NOT IN ({marks}) ORDER BY d.rec",
            (*scopes, after, reached, *scopes),
        )
        page.gone += [row[0] for row in rows]
    return reached, more


def _digest(bulk: Bulk, scopes: tuple[str, ...]) -> dict[str, Any]:
    """Count and XOR per scope (P-28); a scope nobody wrote to has an empty digest."""
    digest: dict[str, Any] = {scope: {"count": 0, "xor": "0" * 16} for scope in scopes}
    for scope, count, xor in bulk.select_in("scope, count, xor", "scope_digest", "scope", list(scopes)):
        digest[scope] = {"count": count, "xor": xor}
    return digest
