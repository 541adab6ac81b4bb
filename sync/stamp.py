"""Identity of ops: incarnations, the hash chain over bytes as sent, stamps, digests (P-01…P-04, P-28).

Pure functions; random bytes are arguments. A stamp is `dev:n:h`; h chains every line of one incarnation, so two clones that
share (dev, n) never share a stamp.
"""

from __future__ import annotations

import base64
import re
from hashlib import sha256

GENESIS = "00000000"
# First byte of a line whose text was erased (P-43): no op and no sealed value begins so.
ERASED = b"\x02"
_ERASED_LINE = re.compile(rb"\x02([0-9a-f]{8})([A-Za-z0-9_:.\-]{1,80})\Z")
DEV_BYTES = 10
DEV_CHARS = 16


def new_dev(random: bytes) -> str:
    """An incarnation id from 10 random bytes: 16 lower-case base32 characters (P-01)."""
    if len(random) != DEV_BYTES:
        raise ValueError("an incarnation needs 10 random bytes")
    return base64.b32encode(random).decode("ascii").lower()


def forked_dev(stamp: str) -> str:
    """The incarnation under which a fork goes on, from the stamp of its first op that goes along (P-24).

    Copies of one disk that hold the same unsent ops thereby renumber them to the same stamps, and no fact is stored twice.
    """
    return new_dev(sha256(f"fork|{stamp}".encode()).digest()[:DEV_BYTES])


def chain(prev_h: str, line: bytes) -> str:
    """The h of a line: the first 8 hex digits of SHA-256(previous h ‖ line bytes as sent) (P-03). An erased line tells its own (P-43)."""
    if line[:1] == ERASED and (told := _ERASED_LINE.match(line)) is not None:
        return told[1].decode()
    return sha256(prev_h.encode("ascii") + line).hexdigest()[:8]


def erased_line(h: str, rec: str) -> bytes:
    """What stands in the place of a line whose text was erased: the hash it had and whom it spoke of."""
    return ERASED + h.encode() + rec.encode()


def erased_rec(line: bytes) -> str | None:
    """The record an erased line spoke of; None when the line is not one."""
    told = _ERASED_LINE.match(line) if line[:1] == ERASED else None
    return None if told is None else told[2].decode()


def make_stamp(dev: str, n: int, h: str) -> str:
    """`dev:n:h`."""
    return f"{dev}:{n}:{h}"


def split_stamp(stamp: str) -> tuple[str, int, str]:
    """(dev, n, h) of a stamp. Raises ValueError when it is not one."""
    dev, n, h = stamp.split(":")
    return dev, int(n), h


def digest64(rec: str, seq: int) -> int:
    """The 64-bit contribution of one record at one feed position to its scope's digest (P-28)."""
    return int.from_bytes(sha256(f"{rec}:{seq}".encode()).digest()[:8], "big")


def conflict_id(rec: str, field: str) -> str:
    """The same 16 hex digits on every node for a dispute about this field of this record."""
    return sha256(f"{rec}|{field}".encode()).hexdigest()[:16]
