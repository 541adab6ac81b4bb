"""What was erased, and taking the text of erased ops out of this node (P-43).

Owns the table `erasure` and the rule what an erasure covers: exactly the ops it names by stamp. Invariants: two nodes' erasures of one
record are joined the same way in either order (the earliest speaks, the ops add up), so nodes agree whatever the order in which they
meet; an op the erasure does not name is a fact nobody has decided about - it is kept aside, whole, for a person; a line whose text is
gone keeps its place in its chain, so that hashes, `acked`, forks and repeated pushes go on as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import orjson

from server.kinds import SUBJECTS
from server.ledger.bulk import Bulk
from server.ledger.lines import keep_raw, read_line, read_raw
from server.ledger.marks import ERASED, QUARANTINED, RECORD_ERASED, is_accepted, mark_of
from sync.op import Op
from sync.record import Record, erased_record
from sync.stamp import erased_line, erased_rec, make_stamp

COLUMNS = ("rec", "kind", "scope", "at", "why", "author", "ops")
# Why a record was erased; the words stand on the screen.
REASONS = ("request", "expired", "mistake")


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erased record. `at` is UTC ms, `author` the user who decided, `ops` the stamps whose text is gone."""

    rec: str
    kind: str
    scope: str
    at: int
    why: str
    author: str
    ops: frozenset[str]

    def state(self) -> Record:
        """What is left of the record."""
        return erased_record(self.rec, self.kind, self.scope, self.at, self.ops)

    def joined(self, other: Erasure | None) -> Erasure:
        """One erasure that says what both say."""
        if other is None:
            return self
        first = min(self, other, key=lambda each: (each.at, each.author, each.why, each.scope, each.kind))
        return replace(first, ops=self.ops | other.ops)

    def wire(self) -> list[Any]:
        """As it travels to another node and lies beside backups."""
        return [self.rec, self.kind, self.scope, self.at, self.why, self.author, sorted(self.ops)]


def from_wire(value: Sequence[Any]) -> Erasure:
    """The other side of `wire`."""
    rec, kind, scope, at, why, author, ops = value
    return Erasure(str(rec), str(kind), str(scope), int(at), str(why), str(author), frozenset(str(each) for each in ops))


def _from_row(row: Sequence[Any]) -> Erasure:
    return from_wire([*row[:-1], orjson.loads(row[-1])])


def read(bulk: Bulk, recs: Iterable[str]) -> dict[str, Erasure]:
    """Erasures of these records, by record."""
    rows = bulk.select_in(", ".join(COLUMNS), "erasure", "rec", sorted(set(recs)))
    return {row[0]: _from_row(row) for row in rows}


def page(bulk: Bulk, after: str = "", limit: int = 500) -> list[Erasure]:
    """Erasures in order of their records, from one on."""
    rows = bulk.select(f"SELECT {', '.join(COLUMNS)} FROM erasure WHERE rec > ? ORDER BY rec LIMIT ?", (after, limit))
    return [_from_row(row) for row in rows]


def every(bulk: Bulk) -> Iterator[Erasure]:
    """All of them, a page at a time."""
    after = ""
    while found := page(bulk, after):
        yield from found
        after = found[-1].rec


def digest(bulk: Bulk) -> str:
    """The same on two nodes exactly when they know of the same erasures."""
    total = sha256()
    for each in every(bulk):
        total.update(orjson.dumps(each.wire()))
    return total.hexdigest()


def put(bulk: Bulk, erasure: Erasure) -> Erasure | None:
    """Join an erasure with what is known of its record; None when it says nothing new."""
    known = read(bulk, [erasure.rec]).get(erasure.rec)
    made = erasure.joined(known)
    if made == known:
        return None
    said = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])
    row = (*made.wire()[:-1], orjson.dumps(sorted(made.ops)).decode())
    bulk.insert("erasure", COLUMNS, [row], f"ON CONFLICT (rec) DO UPDATE SET {said}")
    return made


def subject_of(op: Op) -> str | None:
    """The record that an op of a photo, a transfer, a trace of unmasking is about."""
    named = op.fields.get(SUBJECTS.get(op.kind, ""), {}).get("v")
    return named if isinstance(named, str) else None


def concerned(ops: Iterable[Op | None]) -> set[str]:
    """Every record these ops speak of."""
    there = [op for op in ops if op is not None]
    return {op.rec for op in there} | {named for op in there if (named := subject_of(op)) is not None}


def is_about(op: Op, erasures: Mapping[str, Erasure]) -> bool:
    """Whether an op speaks of something erased."""
    return op.rec in erasures or subject_of(op) in erasures


def stamps_of(bulk: Bulk, rec: str) -> frozenset[str]:
    """Every logged op of a record."""
    rows = bulk.select("SELECT dev, n, h FROM op_log WHERE rec = ?", (rec,))
    return frozenset(make_stamp(*row) for row in rows)


def wipe(bulk: Bulk, erasure: Erasure, rx_at: int) -> tuple[list[bytes], set[str]]:
    """Take the text of covered ops out of log and quarantine, set the others aside. Gives the texts and the authors concerned."""
    rows = bulk.select("SELECT id, dev, n, h, line, verdict, why FROM op_log WHERE rec = ?", (erasure.rec,))
    texts: list[bytes] = []
    devs: set[str] = set()
    for op_id, dev, n, h, kept, verdict, why in rows:
        mark = mark_of(verdict, why)
        if mark == ERASED:
            continue
        line = read_line(dev, n, h, kept)
        if make_stamp(dev, n, h) in erasure.ops or erased_rec(line) is not None:
            texts.append(line)
            bulk.execute(
                'UPDATE op_log SET line = ?, verdict = ?, why = NULL, kind = ?, scope = ?, "user" = ? WHERE id = ?',
                (erased_line(h, erasure.rec), "erased", erasure.kind, erasure.scope, "", op_id),
            )
            bulk.execute("DELETE FROM quarantine WHERE op_id = ?", (op_id,))
        elif is_accepted(mark):
            bulk.execute("UPDATE quarantine SET state = 'open', why = ? WHERE op_id = ?", (RECORD_ERASED, op_id))
        else:
            bulk.execute("UPDATE op_log SET verdict = ?, why = ? WHERE id = ?", (QUARANTINED, RECORD_ERASED, op_id))
            _set_aside(bulk, op_id, dev, n, line, rx_at)
        devs.add(dev)
    bulk.execute("DELETE FROM conflict WHERE rec = ?", (erasure.rec,))
    return texts, devs


def _set_aside(bulk: Bulk, op_id: int, dev: str, n: int, line: bytes, rx_at: int) -> None:
    sha = sha256(line).hexdigest()
    row = (op_id, dev, n, sha, keep_raw(sha, line), RECORD_ERASED, rx_at, "open")
    bulk.insert("quarantine", ("op_id", "dev", "n", "sha", "raw", "why", "rx_at", "state"), [row], "ON CONFLICT (dev, n, sha) DO UPDATE SET why = excluded.why")


def kept_lines(bulk: Bulk) -> list[tuple[int, str, int, bytes]]:
    """(id, dev, n, line) of everything in quarantine that is not part of a record now."""
    rows = bulk.select("SELECT id, dev, n, sha, raw FROM quarantine WHERE state <> 'released'", ())
    return [(entry, dev, n, read_raw(sha, raw)) for entry, dev, n, sha, raw in rows]
