"""From a request's bearer token to a Caller: the only place that reads the Authorization header.

Owns `current_caller` and what it refuses. A revoked device and a sign-in that ended are let through only where the endpoint
says so (sync keeps storing what they send, and gives nothing); everything else answers `device_revoked` or `login_required`.
"""

from __future__ import annotations

from flask import current_app, g, request

from server.accounts.models import Device
from server.accounts.rights import Caller, build_caller
from server.accounts.service import find_bearer
from server.db import db
from server.errors import fail
from server.ledger.clock import now_ms
from server.settings import Settings


def settings() -> Settings:
    """The settings of the running app."""
    found: Settings = current_app.extensions["xunan"]
    return found


def bearer() -> str | None:
    """The token of the request, if it carries one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def current_caller(need: str, allow_revoked: bool = False) -> Caller:
    """The caller; `need` is "device" (any token) or "user" (a signed-in user). Raises a 401 or 403 problem."""
    token = bearer()
    if token is None:
        raise fail("login_required", headers={"WWW-Authenticate": "Bearer"})
    at = now_ms()
    session = db.session()
    found = find_bearer(session, token, at)
    if found is None or (found.ended and not allow_revoked):
        session.rollback()
        raise fail("login_required", headers={"WWW-Authenticate": "Bearer"})
    caller = build_caller(session, found.device, found.grant, at, ended=found.ended)
    session.rollback()
    if caller.revoked and not allow_revoked:
        raise fail("device_revoked")
    if need == "user" and caller.user_id is None:
        raise fail("login_required", headers={"WWW-Authenticate": "Bearer"})
    g.caller = caller
    return caller


def bearer_device(at: int) -> Device | None:
    """The device of the request's token, if it has one that still holds."""
    token = bearer()
    found = find_bearer(db.session(), token, at) if token is not None else None
    return None if found is None or found.ended else found.device
