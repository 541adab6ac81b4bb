"""Renders every refusal as one RFC 9457 problem document, in one place.

Owns the body shape {type, title, title_zh, status, code, detail, detail_zh, retry, request_id, …}. An unforeseen exception is
logged with its traceback (no local variables) under the request id the user is shown, and answers `internal`.
"""

from __future__ import annotations

from typing import Any

import orjson
import structlog
from flask import Flask, Response, current_app, g, request
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from server.db import db
from server.errors import CATALOGUE, Problem, ProblemError
from server.files.store import StoreDown
from server.seal import SealBroken
from server.web import refusals

log = structlog.get_logger(__name__)
_BY_STATUS = {
    400: "bad_request", 401: "login_required", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
    413: "too_large", 415: "bad_media_type", 416: "bad_range",
}  # fmt: skip


def _fill(template: str, extra: dict[str, Any]) -> str:
    class Blank(dict[str, Any]):
        def __missing__(self, key: str) -> str:
            return "-"

    return template.format_map(Blank(extra))


def problem_body(problem: Problem, extra: dict[str, Any], request_id: str) -> dict[str, Any]:
    """The problem document of a catalogue entry."""
    return {
        "type": f"urn:xunan:problem:{problem.code}",
        "title": problem.title,
        "title_zh": problem.title_zh,
        "status": problem.status,
        "code": problem.code,
        "detail": _fill(problem.detail, extra),
        "detail_zh": _fill(problem.detail_zh, extra),
        "retry": problem.retry,
        "request_id": request_id,
        **extra,
    }


def problem_response(problem: Problem, extra: dict[str, Any], headers: dict[str, str]) -> Response:
    """The answer for a catalogue entry."""
    # What is wrong in a list is named by its place in it: keys may be numbers.
    body = orjson.dumps(problem_body(problem, extra, g.get("request_id", "")), default=str, option=orjson.OPT_NON_STR_KEYS)
    response = Response(body, status=problem.status, content_type="application/problem+json")
    response.headers["Cache-Control"] = "no-store"
    response.headers.update(headers)
    return response


def _only_the_page(error: MethodNotAllowed) -> bool:
    """Whether nothing but the page's catch-all took the address: the API has none there, with no method."""
    if not request.path.startswith("/api/") or not set(error.valid_methods or ()) <= {"GET", "HEAD", "OPTIONS"}:
        return False
    return bool(current_app.url_map.bind("").match(request.path, method="GET")[0] == "pwa.pwa")


def install(app: Flask) -> None:
    """Register the handlers."""

    @app.errorhandler(ProblemError)
    def _on_problem(error: ProblemError) -> Response:
        db.session.rollback()
        refusals.leave_trace(error.problem.code)
        return problem_response(error.problem, error.extra, error.headers)

    @app.errorhandler(HTTPException)
    def _on_http(error: HTTPException) -> Response:
        if isinstance(error, MethodNotAllowed) and _only_the_page(error):
            return problem_response(CATALOGUE["not_found"], {}, {})
        code = _BY_STATUS.get(error.code or 500, "internal" if (error.code or 500) >= 500 else "bad_request")
        headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
        return problem_response(CATALOGUE[code], {"reason": error.name}, headers)

    @app.errorhandler(OperationalError)
    def _on_database(error: OperationalError) -> Response:
        db.session.rollback()
        kind = type(error.orig).__name__
        log.error("database_unavailable", kind=kind)
        # SQLite says so in words only, PostgreSQL by its code 53100.
        code = "storage_full" if kind == "DiskFull" or "full" in str(error.orig).lower() else "unavailable"
        return problem_response(CATALOGUE[code], {"reason": "database"}, {"Retry-After": "5"})

    @app.errorhandler(PoolExhausted)
    def _on_full_pool(_error: PoolExhausted) -> Response:
        # Too many at once is no defect of the request: whoever comes again finds a connection.
        db.session.rollback()
        log.error("pool_exhausted")
        return problem_response(CATALOGUE["unavailable"], {"reason": "database"}, {"Retry-After": "5"})

    @app.errorhandler(StoreDown)
    def _on_store(_error: StoreDown) -> Response:
        db.session.rollback()
        return problem_response(CATALOGUE["unavailable"], {"reason": "file store"}, {"Retry-After": "5"})

    @app.errorhandler(SealBroken)
    def _on_seal(error: SealBroken) -> Response:
        db.session.rollback()
        log.error("seal_broken", what=str(error))
        return problem_response(CATALOGUE["unavailable"], {"reason": "data key"}, {"Retry-After": "60"})

    @app.errorhandler(Exception)
    def _on_crash(_error: Exception) -> Response:
        db.session.rollback()
        log.exception("request_failed")
        return problem_response(CATALOGUE["internal"], {}, {})
