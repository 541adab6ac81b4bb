"""How a line lies in the sacred log and in quarantine.

Owns the step between the bytes as received and the bytes in the table: lines of personal and unknown kinds, unreadable lines and
everything kept aside are sealed; of an erased line only its place is kept (P-43). Invariant: whoever reads `op_log.line` or `quarantine.raw` does so through here, and gets back
exactly the bytes that arrived (P-03).
"""

from __future__ import annotations

from server.seal import is_sealed_kind, seal
from sync.stamp import ERASED, make_stamp


def keep_line(kind: str, dev: str, n: int, h: str, raw: bytes) -> bytes:
    """The bytes of one op to store. `kind` is empty for a line that could not be read."""
    return seal.close("op", make_stamp(dev, n, h), raw) if is_sealed_kind(kind) and raw[:1] != ERASED else raw


def read_line(dev: str, n: int, h: str, kept: bytes) -> bytes:
    """The line as received."""
    return seal.open("op", make_stamp(dev, n, h), bytes(kept))


def keep_raw(sha: str, raw: bytes) -> bytes:
    """Bytes set aside, by their hash: nobody knows yet what they hold."""
    return seal.close("quarantine", sha, raw)


def read_raw(sha: str, kept: bytes) -> bytes:
    """The bytes that were set aside."""
    return seal.open("quarantine", sha, bytes(kept))
