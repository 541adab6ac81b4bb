"""The feed: numbering what a transaction changed, as its last statements before the commit (P-26).

Owns `sync_clock.seq`, `departure`, `scope_digest` and the step that gives records their numbers. Whoever writes a record says so here
(`moved`); the unit of work closes the feed when everything else is written. The counter row is the one lock every push waits for:
between taking it and the commit stands a single statement.
Invariants: a reader never sees a later number before an earlier one; a record that several writes of one transaction touch gets one number;
`record.seq` is UNSTAMPED only inside the transaction that made the record.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.db import closing, on_commit
from server.ledger import hints
from server.ledger.bulk import Bulk
from sync.stamp import digest64

# Holds only quarantined ops: fed to nobody.
UNFED = 0
# Fed, but the transaction that made it has no number yet.
UNSTAMPED = -1
STAMP_COLUMNS = ("seq", "id")
DEPARTURE_COLUMNS = ("scope", "rec", "kind", "seq")
DEPARTED = "ON CONFLICT (scope, rec) DO UPDATE SET kind = excluded.kind, seq = excluded.seq"
DIGEST_COLUMNS = ("scope", "kind", "count", "xor")
# Without a XOR of its own SQLite takes OR minus AND; both numbers are signed, and the difference never leaves their range.
DIGESTED = (
    "ON CONFLICT (scope, kind) DO UPDATE SET count = scope_digest.count + excluded.count,"
    " xor = (scope_digest.xor | excluded.xor) - (scope_digest.xor & excluded.xor)"
)
SIGN, RANGE = 1 << 63, 1 << 64


def signed(value: int) -> int:
    """64 bits as the databases keep them."""
    return value - RANGE if value & SIGN else value


def digest_text(xor: int) -> str:
    """A stored XOR as the wire has it: 16 hex digits."""
    return f"{xor % RANGE:016x}"


@dataclass(slots=True)
class Move:
    """What a transaction does to one record: where readers know it (scope, number; None: nowhere yet), and its scope now (None: taken away)."""

    kind: str
    was: tuple[str, int] | None
    scope: str | None


def moved(bulk: Bulk, rec: str, kind: str, was: tuple[str, int] | None, scope: str | None) -> None:
    """A record was written and gets a number at the end; of several times the first `was` and the last `scope` count."""
    moves = closing(bulk.session, Feed).moves
    if (known := moves.get(rec)) is not None:
        known.scope = scope
    else:
        moves[rec] = Move(kind, was, scope)


def take_seq(bulk: Bulk, count: int) -> int:
    """Move the feed counter by `count` and give its old value; on PostgreSQL this is the lock that orders commits."""
    row = bulk.select("UPDATE sync_clock SET seq = seq + ? WHERE id = 1 RETURNING seq", (count,))[0]
    return int(row[0]) - count


class Feed:
    """The numbers one transaction still owes."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.moves: dict[str, Move] = {}

    def __call__(self) -> None:
        """Take the counter and stamp. Nothing may be written after this but the commit."""
        bulk = Bulk(self.session)
        first = take_seq(bulk, len(self.moves)) + 1
        seq_by_scope: dict[str, int] = {}
        count: dict[tuple[str, str], int] = defaultdict(int)
        xor: dict[tuple[str, str], int] = defaultdict(int)
        stamps, departures = [], []
        for seq, (rec, move) in enumerate(self.moves.items(), first):
            if move.was is not None:
                scope, before = move.was
                count[scope, move.kind] -= 1
                xor[scope, move.kind] ^= digest64(rec, before)
                seq_by_scope[scope] = seq
                if scope != move.scope:
                    departures.append((scope, rec, move.kind, seq))
            if move.scope is not None:
                count[move.scope, move.kind] += 1
                xor[move.scope, move.kind] ^= digest64(rec, seq)
                seq_by_scope[move.scope] = seq
                stamps.append((seq, rec))
        digests = [(*key, count[key], signed(xor[key])) for key in sorted(count)]
        bulk.run(
            bulk.inserting("departure", DEPARTURE_COLUMNS, departures, DEPARTED),
            bulk.inserting("scope_digest", DIGEST_COLUMNS, digests, DIGESTED),
            bulk.updating("record", STAMP_COLUMNS, stamps),
        )
        on_commit(self.session, lambda: hints.after_commit(seq_by_scope))
