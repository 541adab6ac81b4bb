"""HTTP of erasing: the administrator only, at the centre only (a hub copies). Thin: parse, call, answer."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from server import jobs
from server.accounts import audit
from server.accounts.calling import require_fresh
from server.accounts.rights import Caller
from server.db import db, reading, unit
from server.erasure import listing, retention, service
from server.erasure.schemas import (
    DueOut,
    DueQuery,
    ErasedOut,
    EraseDueIn,
    EraseIn,
    ErasuresOut,
    ErasuresQuery,
    PlanOut,
    StartedOut,
)
from server.errors import fail
from server.ledger.clock import now_ms
from server.web.endpoint import endpoint

bp = Blueprint("erasure", __name__, url_prefix="/api/v1/admin/erasures")
ADMIN = ("admin",)


@endpoint(bp, "GET", "/plan/<rec>", roles=ADMIN, returns=PlanOut, errors=("not_found", "invalid"), summary="What would go along with a record")
def erasure_plan(caller: Caller, rec: str) -> dict[str, Any]:
    """Before anybody decides."""
    with reading(db.session()) as session:
        return listing.plan(session, rec)


@endpoint(
    bp, "POST", "", roles=ADMIN, body=EraseIn, returns=ErasedOut, errors=("not_found", "invalid", "confirm_required"),
    summary="Erase a personal record for good, with all that only speaks of it",
)  # fmt: skip
def erase_record(caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    """There is no way back."""
    require_fresh()
    done = service.erase(db.session(), [body["rec"]], body["why"], caller.user_id or "", now_ms(), caller.device_id)
    return {"records": done.records, "files": done.files}


@endpoint(bp, "GET", "", roles=ADMIN, query=ErasuresQuery, returns=ErasuresOut, summary="What was erased: when, why, by whom")
def erased(caller: Caller, query: dict[str, Any]) -> dict[str, Any]:
    """The latest first."""
    with reading(db.session()) as session:
        return listing.list_erased(session, query)


@endpoint(bp, "GET", "/due", roles=ADMIN, query=DueQuery, returns=DueOut, summary="What was kept as long as the town set")
def erasures_due(caller: Caller, query: dict[str, Any]) -> dict[str, Any]:
    """By each rule."""
    with reading(db.session()) as session:
        return {"rules": retention.due(session, now_ms(), query["rule"], query["after"], query["size"])}


@endpoint(
    bp, "POST", "/due", roles=ADMIN, body=EraseDueIn, returns=StartedOut, status=202, errors=("conflict", "confirm_required"),
    summary="Erase what is due by a rule, in the background",
)  # fmt: skip
def erase_due(caller: Caller, body: dict[str, Any]) -> dict[str, int]:
    """The job goes on where it stopped; how much is left is told by the list of what is due."""
    require_fresh()
    session, at = db.session(), now_ms()
    with reading(session) as read:
        total = int(retention.due(read, at, body["rule"], size=1)[0]["total"])
    if total != body["total"]:
        raise fail("conflict", reason=f"{total} records are due now")
    with unit(session):
        args = {"rule": body["rule"], "author": caller.user_id or "", "device": caller.device_id}
        if not jobs.is_waiting(session, retention.JOB, {"rule": body["rule"]}, running=True):
            jobs.add(session, retention.JOB, args, at)
        audit.note(session, at, caller.user_id or "", "erase_due", body["rule"], caller.device_id, records=total)
    jobs.wake()
    return {"total": total}
