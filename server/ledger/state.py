"""Stored bytes of a record state.

Owns the fast way to the canonical bytes of `sync.fold.dump`: the same text, written by orjson. A test holds both equal.
"""

from __future__ import annotations

import orjson

from sync.fold import Record


def dump(record: Record) -> bytes:
    """Canonical bytes without `seq`."""
    return orjson.dumps(record.to_wire())


def load(state: bytes) -> Record:
    """The record of canonical bytes."""
    return Record.from_wire(orjson.loads(state))


def wire(seq: int, state: bytes) -> bytes:
    """A state as it travels: its feed number in front, the rest as stored."""
    return b'{"seq":%d,' % seq + state[1:]
