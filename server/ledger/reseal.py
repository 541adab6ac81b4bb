"""Sealing what is stored anew: after a key was put in front of the ring, or when a town began without one.

Owns the walk over every sealed copy. Runs beside a live server, a page per transaction; may be stopped and run again, because what
already has the sealing key is passed over. Changes no fact: what opens afterwards is byte for byte what opened before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy.orm import Session

from server.db import unit
from server.kinds import KINDS
from server.ledger.bulk import Bulk
from server.ledger.lines import keep_line, keep_raw, read_line, read_raw
from server.ledger.state import canonical
from server.seal import is_sealed_kind, seal
from sync.stamp import ERASED

PAGE = 500
Kept = bytes | str


def reseal(session: Session) -> Iterator[tuple[str, int]]:
    """Walk every table; yields (table, values sealed anew) after each page. Raises SealBroken when a key is missing."""
    yield from _walk(session, "op_log", "line, kind, dev, n, h", _line)
    yield from _walk(session, "quarantine", "raw, sha", _raw)
    yield from _walk(session, "record", "state, kind", _state)
    for column in ("secret", "pending"):
        yield from _walk(session, "second_factor", column, _factor)
    for kind in KINDS.values():
        for field in kind.fields:
            if field.privacy == "sensitive":
                yield from _walk(session, f"k_{kind.name}", field.name, _column(f"{kind.name}.{field.name}"))


def _walk(session: Session, table: str, columns: str, anew: Callable[..., Kept | None]) -> Iterator[tuple[str, int]]:
    """The first of `columns` is the sealed one; `anew(id, *columns)` gives its new value, or nothing to leave the row alone."""
    after: Any = None
    while True:
        with unit(session):
            bulk = Bulk(session)
            where = "WHERE id > ?" if after is not None else ""
            # A record may be folded at this moment: its row is read again when the other writer is done.
            lock = " FOR UPDATE" if bulk.postgres else ""
            sql = f'SELECT id, {columns} FROM "{table}" {where} ORDER BY id LIMIT {PAGE}{lock}'
            rows = bulk.select(sql, (after,) if after is not None else ())
            changed = [(kept, row[0]) for row in rows if (kept := anew(*row)) is not None]
            bulk.update(table, (columns.partition(",")[0], "id"), changed)
        if not rows:
            return
        after = rows[-1][0]
        yield table, len(changed)


def _line(_: int, line: bytes, kind: str, dev: str, n: int, h: str) -> bytes | None:
    if not is_sealed_kind(kind) or seal.is_current(bytes(line)) or bytes(line[:1]) == ERASED:
        return None
    return keep_line(kind, dev, n, h, read_line(dev, n, h, line))


def _raw(_: int, raw: bytes, sha: str) -> bytes | None:
    return None if seal.is_current(bytes(raw)) else keep_raw(sha, read_raw(sha, raw))


def _state(rec: str, state: bytes, kind: str) -> bytes | None:
    if not is_sealed_kind(kind) or seal.is_current(bytes(state)):
        return None
    return seal.close("record", rec, canonical(rec, bytes(state)))


def _factor(user: str, stored: bytes | None) -> bytes | None:
    if stored is None or seal.is_current(bytes(stored)):
        return None
    row = f"second_factor:{user}"
    return seal.close("column", row, seal.open("column", row, bytes(stored)))


def _column(column: str) -> Callable[..., str | None]:
    def anew(rec: str, stored: str | None) -> str | None:
        if stored is None or seal.is_current_text(stored):
            return None
        return seal.close_text(column, rec, seal.open_text(column, rec, stored))

    return anew
