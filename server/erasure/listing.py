"""What the administrator reads about erasures: what would go along with a record, and what went. Reads only."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server import jobs
from server.centre.naming import station_names, user_names
from server.centre.tables import core_table, station_of
from server.erasure import cascade, files
from server.erasure.service import SCRUB
from server.errors import fail
from server.ledger.bulk import Bulk
from server.ledger.lines import read_line


def plan(session: Session, rec: str) -> dict[str, Any]:
    """{records: {kind: count}, files}. Raises `not_found`, `invalid`."""
    there = cascade.standing(session, [rec.replace("\x00", "")])
    if not there:
        raise fail("not_found")
    if there[rec][0] not in cascade.ERASABLE:
        raise fail("invalid", errors={"rec": ["not a record about a person"]})
    bulk = Bulk(session)
    recs = cascade.closure(session, [rec])
    recs |= {each for _, each in cascade.aside(bulk, recs)[0] if each}
    rows = bulk.select_in("dev, n, h, line", "op_log", "rec", sorted(recs))
    kinds = Counter(kind for kind, _ in cascade.standing(session, recs).values())
    return {"records": dict(sorted(kinds.items())), "files": len(files.named_in(read_line(*row) for row in rows))}


def list_erased(session: Session, query: dict[str, Any]) -> dict[str, Any]:
    """A page of erased records, the latest first."""
    erasure = core_table("erasure")
    size, page = query["size"], query["page"]
    rows = session.execute(
        select(erasure).order_by(erasure.c.at.desc(), erasure.c.rec).limit(size).offset((page - 1) * size)
    ).mappings().all()  # fmt: skip
    names, stations = user_names(session, (row["author"] for row in rows)), station_names(session)
    return {
        "total": session.scalar(select(func.count()).select_from(erasure)) or 0, "page": page, "size": size,
        "scrub_at": jobs.due_at(session, SCRUB),
        "items": [
            {
                "id": row["rec"], "kind": row["kind"], "station": stations.get(station_of(row["scope"]) or ""), "at": row["at"],
                "why": row["why"], "by": names.get(row["author"], row["author"]),
            }
            for row in rows
        ],
    }  # fmt: skip
