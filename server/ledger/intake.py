"""The gate: from the bytes of one request to checked op lines, before any transaction is open.

Owns splitting, size limits, the per-line envelope, chain hashes, groups and the judge's opinion. Touches no database.
Invariants: one bad line never affects its siblings (P-22); bytes are hashed as sent, never re-serialised (P-03); a line
that cannot be read is kept whole with its reason; a group folds together or is quarantined together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog

from server.kinds import KINDS
from sync import limits
from sync.errors import OpError
from sync.judge import Rights, judge_op
from sync.op import DEV, Op, parse_op
from sync.stamp import GENESIS, chain, erased_rec

log = structlog.get_logger(__name__)
HEADER_BYTES_MAX = 65_536


class BadBatch(ValueError):
    """The request as a whole cannot be understood or is too large; `code` names the problem."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Header:
    """First line of a sync request. `first` is the n of the first op line that follows."""

    dev: str
    first: int
    prev_h: str
    cursor: str | None
    limit: int
    scopes: tuple[str, ...] | None
    status: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Came:
    """What the node that had an op first noted of it (P-60); `mark` as in `marks`."""

    device: str
    node: str
    rx_at: int
    at_c: int
    mark: int
    why: str | None


@dataclass(slots=True)
class Line:
    """One op line: its place in the chain and either the op or the reason why it is none. `came` of a line from another node."""

    n: int
    h: str
    raw: bytes
    op: Op | None = None
    why: str | None = None
    came: Came | None = None
    # The record an erased line spoke of: its text is gone and its hash is told, not reckoned (P-43).
    erased: str | None = None


@dataclass(slots=True)
class Batch:
    """A request taken apart."""

    header: Header
    lines: list[Line] = field(default_factory=list)


def read_header(raw: bytes) -> Header:
    """Check the loose envelope of line 1; unknown keys are ignored (P-41)."""
    if len(raw) > HEADER_BYTES_MAX:
        raise BadBatch("too_large", "header line too long")
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadBatch("bad_header", "header line is not JSON") from error
    if not isinstance(value, dict) or value.get("protocol") != 1:
        raise BadBatch("bad_header", "header needs protocol 1")
    dev, first, prev_h = value.get("dev"), value.get("from"), value.get("prev_h", GENESIS)
    if not isinstance(dev, str) or not DEV.match(dev):
        raise BadBatch("bad_header", "header dev")
    if type(first) is not int or not 1 <= first <= limits.INT_MAX:
        raise BadBatch("bad_header", "header from")
    if not isinstance(prev_h, str) or len(prev_h) != len(GENESIS) or not prev_h.isalnum():
        raise BadBatch("bad_header", "header prev_h")
    cursor, limit, scopes = value.get("cursor"), value.get("limit"), value.get("scopes")
    if cursor is not None and not isinstance(cursor, str):
        raise BadBatch("bad_header", "header cursor")
    if type(limit) is not int or limit < 1:
        limit = limits.PULL_LIMIT_DEFAULT
    wanted = tuple(str(each) for each in scopes) if isinstance(scopes, list) else None
    status = value.get("status")
    return Header(
        dev=dev, first=first, prev_h=prev_h, cursor=cursor, limit=min(limit, limits.PULL_LIMIT_MAX),
        scopes=wanted, status=status if isinstance(status, dict) else {},
    )  # fmt: skip


def read_batch(raw: bytes) -> Batch:
    """Take a request body apart. Raises BadBatch only for the envelope, never for one op line."""
    if len(raw) > limits.BATCH_BYTES_MAX + HEADER_BYTES_MAX:
        raise BadBatch("too_large", "body too large")
    texts = raw.split(b"\n")
    while texts and not texts[-1].strip():
        texts.pop()
    if not texts:
        raise BadBatch("bad_batch", "empty body")
    if len(texts) - 1 > limits.OPS_PER_BATCH_MAX:
        raise BadBatch("too_large", "too many op lines")
    header = read_header(texts[0])
    return Batch(header, read_lines(header.dev, header.first, header.prev_h, texts[1:]))


def read_lines(dev: str, first: int, prev_h: str, texts: list[bytes]) -> list[Line]:
    """Chain and parse op lines that follow the op `first`-1 whose hash is `prev_h`."""
    lines: list[Line] = []
    loads, line_max = orjson.loads, limits.LINE_BYTES_MAX
    h = prev_h
    for n, raw in enumerate(texts, first):
        h = chain(h, raw)
        line = Line(n, h, raw, erased=erased_rec(raw))
        lines.append(line)
        if line.erased is not None:
            continue
        if len(raw) > line_max:
            line.why = "too_large"
            continue
        try:
            line.op = parse_op(loads(raw), dev, n, h)
        except orjson.JSONDecodeError:
            line.why = "bad_json"
        except OpError as error:
            line.why = error.code
        except Exception:
            # Whatever else a line does to the reader, its siblings are stored and a person gets to see it (P-22).
            log.exception("line_unreadable", dev=dev, n=n)
            line.why = "bad_op"
    return lines


def judge_lines(lines: list[Line], rights: Rights | None) -> None:
    """Mark every line that must not be folded. `rights` None means a trusted author (this server itself)."""
    for line in lines:
        if line.op is not None:
            try:
                line.why = judge_op(line.op, rights, KINDS) if rights is not None else None
                line.why = line.why or exposed(line.op)
            except Exception:
                log.exception("line_not_judged", dev=line.op.dev, n=line.n)
                line.why = "bad_op"
    _judge_groups(lines)


def exposed(op: Op) -> str | None:
    """Personal records live in a station's scope only: the town scope reaches every handheld (M-50)."""
    kind = KINDS.get(op.kind)
    if kind is None or not kind.personal:
        return None
    moved = op.fields.get("scope")
    target = str(moved.get("v")) if moved is not None else op.scope
    return None if target.startswith("station:") and op.scope.startswith("station:") else "bad_scope"


def _judge_groups(lines: list[Line]) -> None:
    """A group with a missing, misplaced or rejected member is quarantined as a whole."""
    members: dict[str, list[Line]] = {}
    for line in lines:
        if line.op is not None and line.op.group is not None:
            members.setdefault(str(line.op.group[0]), []).append(line)
    for group in members.values():
        size = group[0].op.group[2] if group[0].op and group[0].op.group else 0
        whole = len(group) == size and all(
            line.op is not None and line.op.group is not None
            and line.op.group[1] == index and line.op.group[2] == size and line.n == group[0].n + index
            for index, line in enumerate(group)
        )  # fmt: skip
        if not whole:
            for line in group:
                line.why = line.why or "bad_group"
        elif any(line.why for line in group):
            for line in group:
                line.why = line.why or "group_rejected"
