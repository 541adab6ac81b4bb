"""Request ids, security headers and the access log line: what every answer carries.

Invariants: no inline script ever runs (CSP); answers of the API are never cached; a log line names the route, never the path's
variables or the query, because ids of people's records are in them.
"""

from __future__ import annotations

import secrets
import time

import structlog
from flask import Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from server.accounts.audit import NOWHERE, Origin, origin
from server.accounts.calling import AskedBy
from server.web.metrics import REQUESTS, SECONDS

log = structlog.get_logger("access")
CSP = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'{others}; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "geolocation=(self), camera=(self), microphone=(self), screen-wake-lock=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
ADDRESS_MAX = 60
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


# What a page that came from another address of this same server may send and see (M-67).
ALLOWED = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PATCH, DELETE",
    "Access-Control-Allow-Headers": (
        "Authorization, Content-Type, Content-Encoding, Content-Digest, Range, Tus-Resumable, Upload-Length, Upload-Offset, Upload-Metadata, Upload-Checksum"
    ),
    "Access-Control-Expose-Headers": "Location, Retry-After, ETag, Tus-Resumable, Upload-Offset, Upload-Length, Upload-Expires, Unencoded-Digest, X-Snapshot-Seq",
    "Access-Control-Max-Age": "7200",
}


def install(app: Flask, https: bool) -> None:
    """Register the hooks; `https` adds HSTS. Forwarded addresses are believed from as many proxies as the deployer names."""
    if proxies := app.extensions["xunan"].trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]

    addresses = app.extensions["xunan"].addresses
    others = "".join(f" {each}" for each in addresses) if len(addresses) > 1 else ""
    policy = CSP.format(others=others)

    @app.before_request
    def _begin() -> None:
        g.started = time.perf_counter()
        g.request_id = secrets.token_hex(8)
        g.asked_by, g.tried_name = AskedBy(), None
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)
        origin.set(Origin((request.remote_addr or "unknown")[:ADDRESS_MAX], g.request_id))

    @app.teardown_request
    def _end(_error: BaseException | None) -> None:
        origin.set(NOWHERE)  # the thread lives on

    @app.after_request
    def _finish(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Content-Security-Policy", policy)
        if others and request.path.startswith("/api/"):
            _allow(response, addresses)
        if https:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
        if request.path.startswith("/api/"):
            response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Request-Id"] = g.get("request_id", "")
        route = request.url_rule.rule if request.url_rule is not None else "unmatched"
        seconds = time.perf_counter() - g.get("started", time.perf_counter())
        # A method nobody heard of is no label: it would be kept for ever.
        method = request.method if request.method in METHODS else "other"
        REQUESTS.labels(method, route, response.status_code).inc()
        SECONDS.labels(method, route).observe(seconds)
        if route not in ("/healthz", "/readyz", "/metrics"):
            log.info("request", method=method, route=route, status=response.status_code, ms=round(seconds * 1000, 1))
        return response


def _allow(response: Response, addresses: list[str]) -> None:
    """Let the app, loaded from one address of this server, use another; nobody else. Tokens travel in a header, so no cookie goes along."""
    response.headers.add("Vary", "Origin")
    if request.headers.get("Origin") in addresses:
        response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        response.headers.update(ALLOWED)
