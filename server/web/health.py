"""Health, readiness and metrics for the operator's tools."""

from __future__ import annotations

import hmac
from typing import Any

from flask import Blueprint, Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from server.accounts.calling import bearer, settings
from server.db import reading
from server.errors import fail
from server.web.endpoint import endpoint
from server.web.gauges import TownGauges
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
            session.execute(text("SELECT seq FROM sync_clock WHERE id = 1"))
    except SQLAlchemyError:
        raise fail("unavailable", reason="database") from None
    return {"ok": True}


@endpoint(
    bp, "GET", "/metrics", auth="none", returns="text/plain", errors=("login_required", "not_found"),
    summary="Prometheus metrics, for whoever has the token of the monitoring",
)  # fmt: skip
def metrics() -> Response:
    """What the workers counted and how the town stands. Without a token they are open in dev, and closed in production."""
    token = settings().metrics_token
    if token is None and settings().env != "dev":
        raise fail("not_found")
    if token is not None and not hmac.compare_digest((bearer() or "").encode(), token.encode()):
        raise fail("login_required", headers={"WWW-Authenticate": "Bearer"})
    gauges: TownGauges = current_app.extensions["xunan_gauges"]
    return Response(exposition(gauges), content_type=CONTENT_TYPE_LATEST)
