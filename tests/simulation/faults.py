"""What goes wrong on the wire and at the server, in the words of a history. Holds no assertion."""

from __future__ import annotations

from dataclasses import dataclass

from sync.fold import Outcome, fold_op
from sync.op import Op
from sync.record import Record

POISON_SCHEMA = 666


def flipped(body: bytes, where: int) -> bytes:
    """The same bytes but for one bit."""
    at = where % len(body)
    return body[:at] + bytes([body[at] ^ 1 << where // len(body) % 8]) + body[at + 1 :]


class PowerCut(BaseException):
    """The server died between two statements."""


@dataclass
class Fault:
    """What the wire or the server does to the next requests."""

    kind: str = ""
    at: int = 0


def fold_with_a_defect(record: Record, op: Op, at_c: int) -> Outcome:
    """The server's fold, with one known defect: ops of a certain schema make it fail half-way (P-22)."""
    if op.schema == POISON_SCHEMA:
        record.reg.clear()
        raise ArithmeticError("defect")
    return fold_op(record, op, at_c)
