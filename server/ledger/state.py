"""How a folded state lies in the table.

Owns the fast way to the canonical bytes of `sync.record.dump` (the same text, written by orjson; a test holds both equal) and their
sealing. Invariant: whoever reads `record.state` does so through here.
"""

from __future__ import annotations

import orjson

from server.seal import is_sealed_kind, seal
from sync.record import Record


def dump(record: Record) -> bytes:
    """Canonical bytes without `seq`."""
    return orjson.dumps(record.to_wire())


def keep(record: Record) -> bytes:
    """The bytes to store: canonical, sealed when the kind is personal."""
    state = dump(record)
    return seal.close("record", record.id, state) if is_sealed_kind(record.kind) else state


def canonical(rec: str, kept: bytes) -> bytes:
    """The canonical bytes of a stored state."""
    return seal.open("record", rec, kept)


def load(rec: str, kept: bytes) -> Record:
    """The record of a stored state."""
    return Record.from_wire(orjson.loads(canonical(rec, kept)))


def wire(rec: str, seq: int, kept: bytes) -> bytes:
    """A stored state as it travels: its feed number in front, then its canonical bytes."""
    return b'{"seq":%d,' % seq + canonical(rec, kept)[1:]
