"""What this node can tell another of its authors' chains: how far they go, their lines as received, what was noted of them (P-60).

Owns reading chains for another node and `chain_digest`. Invariant: a digest covers exactly what the log says of its first n ops;
whoever changes a note calls `forget_digest` in the same transaction, after its other writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy.orm import Session

from server.db import reading, unit
from server.ledger.bulk import Bulk, Row
from server.ledger.intake import Came
from server.ledger.lines import read_line
from server.ledger.marks import fingerprint, mark_of
from sync.stamp import GENESIS

NOTHING = f"{0:016x}"


@dataclass(frozen=True, slots=True)
class Chain:
    """How far a node has an author: the last n with its h, the digest of what it noted, what its backups hold."""

    n: int
    h: str
    xor: str
    durable: int


@dataclass(frozen=True, slots=True)
class Note:
    """What a node noted of the n-th op of a chain."""

    n: int
    at_c: int
    mark: int
    why: str | None


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive lines of one chain as received, with their envelopes. `prev_h` is the hash before the first."""

    dev: str
    first: int
    prev_h: str
    came: Sequence[Came]
    lines: Sequence[bytes]


def vector(session: Session) -> dict[str, Chain]:
    """Every author this node knows. Sums up what came since the last time."""
    with reading(session) as reader:
        found = Bulk(reader).select(
            "SELECT i.dev, i.acked, i.acked_h, i.durable, COALESCE(c.n, 0), COALESCE(c.xor, '')"
            " FROM incarnation i LEFT JOIN chain_digest c ON c.dev = i.dev WHERE i.acked > 0 ORDER BY i.dev", (),
        )  # fmt: skip
    chains = {dev: Chain(n, h, xor, durable) for dev, n, h, durable, _, xor in found}
    behind = {dev: n for dev, n, _, _, summed, _ in found if summed != n}
    if behind:
        with unit(session):
            bulk = Bulk(session)
            for dev, n in behind.items():
                old = chains[dev]
                chains[dev] = Chain(n, old.h, _sum_up(bulk, dev, n), old.durable)
    return chains


def _sum_up(bulk: Bulk, dev: str, n: int) -> str:
    """Extend the digest of a chain to its n-th op."""
    # The row is locked before the log is read: a note that changes meanwhile is either read here or forgets this sum.
    bulk.insert("chain_digest", ("dev", "n", "xor"), [(dev, 0, NOTHING)], "ON CONFLICT (dev) DO UPDATE SET n = chain_digest.n")
    start, xor = bulk.select("SELECT n, xor FROM chain_digest WHERE dev = ?", (dev,))[0]
    if start > n:
        start, xor = 0, NOTHING
    value = int(xor, 16)
    for number, at_c, verdict, why in bulk.select(
        "SELECT n, at_c, verdict, why FROM op_log WHERE dev = ? AND n > ? AND n <= ?", (dev, start, n)
    ):
        value ^= fingerprint(number, at_c, mark_of(verdict, why))
    bulk.execute("UPDATE chain_digest SET n = ?, xor = ? WHERE dev = ?", (n, f"{value:016x}", dev))
    return f"{value:016x}"


def forget_digest(bulk: Bulk, dev: str) -> None:
    """What was noted of an op of this chain has changed; the sum is made anew when it is next asked for."""
    reset = "ON CONFLICT (dev) DO UPDATE SET n = 0, xor = excluded.xor"
    bulk.insert("chain_digest", ("dev", "n", "xor"), [(dev, 0, NOTHING)], reset)


def hashes(session: Session, dev: str) -> list[str]:
    """The h of every op of a chain, from n = 1."""
    with reading(session) as reader:
        return [row[0] for row in Bulk(reader).select("SELECT h FROM op_log WHERE dev = ? ORDER BY n", (dev,))]


def notes(session: Session, dev: str, first: int, count: int) -> list[Note]:
    """What this node noted of ops of a chain, from the `first` on."""
    with reading(session) as reader:
        rows = Bulk(reader).select(
            "SELECT n, at_c, verdict, why FROM op_log WHERE dev = ? AND n >= ? AND n < ? ORDER BY n", (dev, first, first + count)
        )
    return [Note(n, at_c, mark_of(verdict, why), why) for n, at_c, verdict, why in rows]


def block(session: Session, dev: str, first: int, prev_h: str, ops_max: int, bytes_max: int) -> Block | None:
    """Lines of a chain from `first` on; at least one, no group cut in two. None when the chain is another one there."""
    with reading(session) as reader:
        bulk = Bulk(reader)
        rows = bulk.select(
            "SELECT n, h, line, device, node, rx_at, at_c, verdict, why FROM op_log WHERE dev = ? AND n >= ? AND n < ? ORDER BY n",
            (dev, first - 1, first + ops_max),
        )  # fmt: skip
    before = GENESIS
    if first > 1:
        if not rows or rows[0][0] != first - 1:
            return None
        before, rows = rows[0][1], rows[1:]
    if before != prev_h:
        return None
    lines: list[bytes] = []
    for row in rows:
        lines.append(read_line(dev, row[0], row[1], row[2]))
        if sum(map(len, lines)) > bytes_max and len(lines) > 1:
            lines.pop()
            break
    count = _whole_groups(lines)
    return Block(dev, first, prev_h, [came_of(row) for row in rows[:count]], lines[:count])


def came_of(row: Row) -> Came:
    """The envelope of a row that begins with n, h, line, device, node, rx_at, at_c, verdict, why."""
    return Came(row[3], row[4], row[5], row[6], mark_of(row[7], row[8]), row[8])


def _whole_groups(lines: Sequence[bytes]) -> int:
    """How many of the lines end with a whole group; all of them when that would leave none."""
    for count in range(len(lines), 0, -1):
        group = _group(lines[count - 1])
        if not (isinstance(group, list) and len(group) == 3 and group[1] != group[2] - 1):
            return count
    return len(lines)


def _group(line: bytes) -> Any:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return value.get("group") if isinstance(value, dict) else None
