"""From a request's bearer token to a Caller: the only place that reads the Authorization header.

Owns `current_caller` and what it refuses. A revoked device and a sign-in that ended are let through only where the endpoint
says so (sync keeps storing what they send, and gives nothing); everything else answers `device_revoked` or `login_required`. A desk that
nobody touches, and a user who still has to choose his password or set up his second factor, are to sync what the device's own token is
(P-42), and reach only the endpoints that get them out of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, g, request

from server.accounts import second_factor, sessions
from server.accounts.audit import origin
from server.accounts.models import Device
from server.accounts.rights import NODE, Caller, build_caller
from server.accounts.service import Bearer, find_bearer
from server.db import db
from server.errors import fail
from server.ledger.clock import now_ms
from server.settings import Settings


@dataclass(frozen=True, slots=True)
class AskedBy:
    """Whose token a request carries, whether or not it holds."""

    device_id: str | None = None
    user_id: str | None = None
    ended: bool = True


def settings() -> Settings:
    """The settings of the running app."""
    found: Settings = current_app.extensions["xunan"]
    return found


def source() -> str:
    """The network address a request came from, as the audit log has it: no longer than an address is."""
    return origin.get().address or "unknown"


def bearer() -> str | None:
    """The token of the request, if it carries one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def todo_of(roles: frozenset[str], device: Device, *, given: bool, factor: bool) -> list[str]:
    """What a user has to do before anything is open to him: choose a `password`, set up a `factor`."""
    lacks = device.kind == sessions.DESK and not factor and second_factor.is_due(settings(), roles)
    return [*(["password"] if given else []), *(["factor"] if lacks else [])]


def _caller_of(found: Bearer, at: int, need: str, *, setting_up: bool, when_idle: bool) -> Caller:
    """The caller behind a token. Raises `session_idle` or `setup_required` where only a person will do."""
    session, grant = db.session(), found.grant
    if grant is not None and not found.ended and not when_idle and sessions.is_idle(settings(), found.device, grant, at):
        if need == "user":
            raise fail("session_idle")
        grant = None
    caller = build_caller(session, found.device, grant, at, ended=found.ended)
    if caller.user_id is not None and not setting_up:
        todo = todo_of(caller.roles, found.device, given=found.given, factor=found.factor)
        if todo and need == "user":
            raise fail("setup_required", todo=todo)
        if todo:
            caller = build_caller(session, found.device, None, at)
    return caller


def current_caller(need: str, allow_revoked: bool = False, setting_up: bool = False, when_idle: bool = False) -> Caller:
    """The caller; `need` is "device" (any token), "user" (a signed-in user) or "node" (a hub). Raises a 401 or 403 problem."""
    token = bearer()
    if token is None:
        raise fail("login_required", headers={"WWW-Authenticate": "Bearer"})
    at = now_ms()
    session = db.session()
    found = find_bearer(session, token, at)
    if found is not None:
        # A refusal is put down to whom the token was given, and never as his deed unless the token holds.
        g.asked_by = AskedBy(found.device.id, found.grant.user_id if found.grant is not None else None, found.ended)
    if found is None or (found.ended and not allow_revoked):
        session.rollback()
        raise fail("login_required", headers={"WWW-Authenticate": "Bearer"})
    try:
        caller = _caller_of(found, at, need, setting_up=setting_up, when_idle=when_idle)
        fresh, new = sessions.is_fresh(found.grant, at), sessions.is_new(found.grant, at)
    finally:
        session.rollback()
    g.fresh, g.new = fresh, new
    if caller.revoked and not allow_revoked:
        raise fail("device_revoked")
    if need == "node" and caller.dev_kind != NODE and caller.user_id is not None:
        raise fail("forbidden")
    if need == "node" and caller.dev_kind != NODE:
        raise fail("login_required", headers={"WWW-Authenticate": "Bearer"})
    if need == "user" and caller.user_id is None:
        raise fail("login_required", headers={"WWW-Authenticate": "Bearer"})
    g.caller = caller
    return caller


def is_fresh() -> bool:
    """Whether the caller has just shown all that signs him in."""
    return bool(g.fresh)


def is_new() -> bool:
    """Whether the caller has only just signed in."""
    return bool(g.new)


def require_fresh() -> None:
    """Before what signs in is changed, a right is given or something is erased for good. Raises `confirm_required`."""
    if not is_fresh():
        raise fail("confirm_required")


def bearer_device(at: int) -> Device | None:
    """The device of the request's token, if it has one that still holds."""
    token = bearer()
    found = find_bearer(db.session(), token, at) if token is not None else None
    if found is None or found.ended:
        return None
    g.asked_by = AskedBy(found.device.id)
    return found.device
