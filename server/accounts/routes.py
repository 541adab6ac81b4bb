"""HTTP of accounts: enrol, sign in and out, who am I. Thin: parse, call, answer.

What a person does to his own sign-ins is in own_routes.py, the administrator's endpoints are in admin_routes.py.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

from flask import current_app, g

import server.accounts.admin_routes
import server.accounts.own_routes  # noqa: F401 - their endpoints belong to the same blueprint
from server.accounts import bp, second_factor, service, sessions, tries
from server.accounts.calling import bearer_device, settings, source, todo_of
from server.accounts.listing import list_colleagues, list_writers
from server.accounts.models import Device, User
from server.accounts.rights import Caller, build_caller
from server.accounts.schemas import ColleaguesOut, DoneOut, EnrolIn, EnrolOut, LoginIn, LoginOut, MeOut
from server.brakes import NEW_DESK
from server.db import db, unit
from server.errors import fail
from server.ledger.clock import now_ms
from server.web.endpoint import endpoint

__all__ = ["bp"]


def _key_bytes(text: str | None) -> bytes | None:
    if not text:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise fail("invalid", errors={"public_key": ["not base64"]}) from None


def _town() -> dict[str, str]:
    return {"name": settings().town_name}


def _login_device(at: int, desk: bool) -> Device | None:
    """The device to sign in on; None: this browser is to become one. Raises `device_unknown` or `device_revoked`."""
    device = bearer_device(at)
    if device is None and not desk:
        raise fail("device_unknown")
    if device is not None and device.revoked_at is not None:
        raise fail("device_revoked")
    return device


@endpoint(
    bp, "POST", "/enrol", auth="none", body=EnrolIn, returns=EnrolOut, errors=("enrol_code_invalid", "too_many_tries"),
    summary="Trade a one-time code for a device identity",
)  # fmt: skip
def enrol(body: dict[str, Any]) -> dict[str, Any]:
    """Enrol a handheld."""
    at = now_ms()
    session = db.session()
    key = _key_bytes(body["public_key"])
    tried = tries.Try(None, None, source())
    with unit(session):
        tries.take(session, settings(), at, tried)
    with unit(session):
        done = service.enrol(session, settings(), at, body["code"], body["name"], key)
        tries.forgive(session, tried)
    return {
        "device_id": done.device.id, "device_token": done.token, "letter": done.device.letter, "name": done.device.name,
        "town": _town(), "addresses": settings().addresses, "station_code": done.device.station_code,
        "server_time": datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds"),
    }  # fmt: skip


@endpoint(
    bp, "POST", "/login", auth="none", body=LoginIn, returns=LoginOut,
    errors=(
        "login_failed", "password_expired", "code_required", "code_wrong", "code_clock", "too_many_tries", "too_many_requests", "device_unknown",
        "device_revoked",
    ),
    summary="Sign a user in on this device",
)  # fmt: skip
def login(body: dict[str, Any]) -> dict[str, Any]:
    """Sign in; a browser without a device becomes a desk device. What is wrong with the device is told before the password is looked at.

    A handheld is a factor itself, given out by the town; at a desk a user who has codes shows one.
    """
    at = now_ms()
    session = db.session()
    device = _login_device(at, body["desk"])
    g.tried_name = body["username"]
    tried = tries.Try(body["username"], device.id if device is not None else None, source())
    with unit(session):
        tries.take(session, settings(), at, tried)
    user = service.check_password(session, body["username"], body["password"])
    if user is None:
        raise fail("login_failed")
    if user.pw_given and user.pw_until is not None and user.pw_until <= at:
        raise fail("password_expired")
    user_id, factor = user.id, second_factor.held(session, user.id)
    session.rollback()
    if factor and (device is None or device.kind == sessions.DESK):
        # The try is given back after both: or who knows the password could guess codes for ever.
        second_factor.check(session, settings(), at, user_id, body["code"])
    if device is None:
        current_app.extensions["xunan_brakes"].take(NEW_DESK, user_id, at)
    with unit(session):
        user = session.get_one(User, user_id)
        device, token = _login_device(at, body["desk"]), None
        if device is None:
            enrolled = service.add_device(session, at, "desk", f"电脑 {user.username}", None, None)
            device, token = enrolled.device, enrolled.token
        tries.forgive(session, tried)
        # A handheld asks for no code: it opens the posts of who has one, and not yet how he signs in.
        whole = device.kind == sessions.DESK or not factor
        grant, grant_token = service.sign_in(session, settings(), at, user, device, source(), whole=whole)
        session.flush()
        caller = build_caller(session, device, grant, at)
        described = service.describe_user(session, user, at)
        todo = todo_of(caller.roles, device, given=user.pw_given, factor=factor)
    return {
        "todo": todo, "lock_minutes": sessions.lock_minutes(settings(), device),
        "grant_id": grant.id, "grant_token": grant_token, "expires_at": grant.expires_at, "user": described,
        "scopes": caller.scopes, "device_id": device.id, "device_token": token, "letter": device.letter, "town": _town(),
        "addresses": settings().addresses,
        "device_secret": device.secret,
    }  # fmt: skip


@endpoint(bp, "POST", "/logout", returns=DoneOut, setting_up=True, when_idle=True, summary="End this sign-in; unsent work stays on the device")
def logout(caller: Caller) -> dict[str, bool]:
    """End the grant."""
    with unit() as session:
        service.sign_out(session, now_ms(), caller.grant_id or "")
    return {"done": True}


@endpoint(bp, "GET", "/me", returns=MeOut, setting_up=True, summary="Who is signed in")
def me(caller: Caller) -> dict[str, Any]:
    """The signed-in user."""
    session = db.session()
    user = session.get(User, caller.user_id)
    device = session.get(Device, caller.device_id)
    if user is None or device is None:
        raise fail("login_required")
    described = service.describe_user(session, user, now_ms())
    todo = todo_of(caller.roles, device, given=user.pw_given, factor=second_factor.held(session, user.id))
    told = {"user": described, "device_id": device.id, "scopes": caller.scopes, "todo": todo}
    session.rollback()
    return told


@endpoint(
    bp, "GET", "/colleagues", returns=ColleaguesOut, summary="Names of those whose work the caller may see, and the letters of their devices, to show offline"
)
def colleagues(caller: Caller) -> dict[str, Any]:
    """The names; a device nobody is signed in on gets none."""
    found = {"items": list_colleagues(db.session(), caller.scopes), "devices": list_writers(db.session(), caller.scopes)}
    db.session.rollback()
    return found
