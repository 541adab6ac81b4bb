"""Server-side authors: writing ops from the centre, importers, jobs and the seed.

Owns the chain of an author that lives on this server. Every write is an op here too (protocol section 1): this module makes
the lines, pushes them through the same fold, and nothing in the server changes a record any other way.
Invariant: n and h of an author are taken under the lock of its row, so its chain has no gap and no fork.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from server.db import joined_unit
from server.ledger.apply import Verdict
from server.ledger.bulk import Bulk
from server.ledger.clock import ensure_clock, now_ms
from server.ledger.intake import judge_lines, read_lines
from server.ledger.push import fold_lines, read_author, write_author
from sync import limits
from sync.judge import Rights
from sync.op import encode_op
from sync.stamp import DEV_BYTES, make_stamp, new_dev

SERVER_DEVICE = "server"


@dataclass(frozen=True, slots=True)
class Written:
    """Outcome of one op written here. `stamp` may be used as a parent of the next."""

    stamp: str
    verdict: str
    why: str | None
    conflict: str | None


def server_dev(node: str, author: str = "server") -> str:
    """The incarnation name of an author of this node: 16 base32 characters, stable, distinct per node and author."""
    return new_dev(sha256(f"{node}/{author}".encode()).digest()[:DEV_BYTES])


def append(
    session: Session,
    user_id: str,
    ops: Sequence[Mapping[str, Any]],
    *,
    rights: Rights | None = None,
    at_ms: int | None = None,
    author: str = "server",
) -> list[Written]:
    """Write ops `{rec, kind, scope, f, at?, group?}` in the name of a user, in one transaction.

    `rights` None trusts the caller (seed, importer); otherwise every op passes the same judge as a device's.
    `at_ms` is the time of ops that carry no `at`. Joins the unit of work that is open, else opens its own.
    """
    at = now_ms() if at_ms is None else at_ms
    with joined_unit(session):
        return _append(session, user_id, ops, rights, at, author)


def _append(
    session: Session, user_id: str, ops: Sequence[Mapping[str, Any]], rights: Rights | None, at: int, name: str
) -> list[Written]:
    clock = ensure_clock(session)
    bulk = Bulk(session)
    author = read_author(bulk, server_dev(clock.node, name), at)
    prev_h, n = author.acked_h, author.acked
    texts: list[bytes] = []
    now = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
    for number, op in enumerate(ops, author.acked + 1):
        texts.append(encode_op({"n": number, "at": now, "skew": 0, "user": user_id, **op}))
    lines = read_lines(author.dev, n + 1, prev_h, texts)
    judge_lines(lines, rights)
    done: list[Verdict] = []
    for start in range(0, len(lines), limits.OPS_PER_BATCH_MAX):
        done += fold_lines(bulk, author, lines[start : start + limits.OPS_PER_BATCH_MAX], rights, at, clock.node, SERVER_DEVICE)
    if lines:
        write_author(bulk, author, SERVER_DEVICE)
    return [Written(make_stamp(author.dev, each.line.n, each.line.h), each.verdict, each.why, each.conflict) for each in done]
