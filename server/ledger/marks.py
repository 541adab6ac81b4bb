"""What people and time decided about a logged op beside its line: kept aside, accepted after all, its fields let go.

Owns the six marks, their order and how they lie in `op_log.verdict` and `op_log.why`. Pure. Invariant: of two nodes' marks the
greater one holds on both, so nodes agree whatever the order in which they meet (P-60): what one node keeps aside waits for a
person everywhere, what a person accepted is accepted everywhere, and what is erased is erased everywhere - that one is not told
by the mark but by the erasure itself (P-43).
"""

from __future__ import annotations

from hashlib import sha256

PLAIN, RELEASED, KEPT_ASIDE, ACCEPTED, ACCEPTED_RELEASED, ERASED = range(6)
QUARANTINED, TEXT_GONE = "quarantined", "erased"
# Why an op is kept aside that speaks of an erased record.
RECORD_ERASED = "record_erased"
_WHY = {RELEASED: "released", ACCEPTED: "accepted", ACCEPTED_RELEASED: "accepted_released"}
_MARK = {why: mark for mark, why in _WHY.items()}


def mark_of(verdict: str, why: str | None) -> int:
    """The mark of a row of the log."""
    if verdict == TEXT_GONE:
        return ERASED
    return KEPT_ASIDE if verdict == QUARANTINED else _MARK.get(why or "", PLAIN)


def why_of(mark: int) -> str | None:
    """What `op_log.why` says for a mark; the reason of an op kept aside is its own."""
    return _WHY.get(mark)


def is_released(mark: int) -> bool:
    """Whether fields that waited for a parent were let go (P-10)."""
    return mark in (RELEASED, ACCEPTED_RELEASED)


def is_accepted(mark: int) -> bool:
    """Whether a person let a quarantined op in."""
    return mark in (ACCEPTED, ACCEPTED_RELEASED)


def released(mark: int) -> int:
    """The mark after its waiting fields were let go."""
    return ACCEPTED_RELEASED if is_accepted(mark) else max(mark, RELEASED)


def fingerprint(n: int, at_c: int, mark: int) -> int:
    """The 64-bit contribution of one op to the digest of its chain."""
    return int.from_bytes(sha256(f"{n}:{at_c}:{mark}".encode()).digest()[:8], "big")
