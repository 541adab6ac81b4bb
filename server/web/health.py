"""Health, readiness and metrics for the operator's tools."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from server.accounts.calling import settings
from server.db import reading
from server.errors import fail
from server.web.endpoint import endpoint
from server.web.metrics import exposition

bp = Blueprint("health", __name__)


@endpoint(bp, "GET", "/healthz", auth="none", summary="The process answers")
def healthz() -> dict[str, Any]:
    """Alive."""
    return {"ok": True}


@endpoint(bp, "GET", "/readyz", auth="none", errors=("unavailable",), summary="The database answers and is migrated")
def readyz() -> dict[str, Any]:
    """Ready to serve."""
    try:
        with reading() as session:
            row = session.execute(text("SELECT node, epoch, seq FROM sync_clock WHERE id = 1")).first()
    except SQLAlchemyError:
        raise fail("unavailable", reason="database") from None
    return {"ok": True, "seq": int(row[2]) if row is not None else 0}


@endpoint(bp, "GET", "/metrics", auth="none", returns="text/plain", summary="Prometheus metrics")
def metrics() -> Response:
    """What the workers counted and how the town stands; keep it off the public network at the proxy."""
    return Response(exposition(settings()), content_type=CONTENT_TYPE_LATEST)
