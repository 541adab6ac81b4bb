"""What a hub does not do: answer before it knows the town, and change accounts, which are the centre's (P-60)."""

from __future__ import annotations

from flask import Flask, request

from server.db import db
from server.errors import fail
from server.nodes.link import has_met
from server.settings import Settings

API = "/api/v1/"
AT_CENTRE = ("/api/v1/enrol", "/api/v1/password", "/api/v1/second-factor/begin", "/api/v1/second-factor/confirm")


def install(app: Flask, settings: Settings) -> None:
    """Close the gate of a hub; a centre has none."""
    if not settings.is_hub:
        return
    met = False

    @app.before_request
    def _gate() -> None:
        nonlocal met
        if not request.path.startswith(API):
            return
        met = met or has_met(db.session())
        if not met:
            raise fail("unavailable", reason="this hub has not met its centre yet", headers={"Retry-After": "30"})
        administers = request.path.startswith("/api/v1/admin/") and request.method != "GET" and not request.path.endswith("/list")
        if administers or request.path in AT_CENTRE:
            raise fail("at_centre")
