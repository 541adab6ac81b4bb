"""HTTP of accounts: enrol, sign in and out, who am I; the administrator's endpoints are in admin_routes.py. Thin: parse, call, answer."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

from flask import request

import server.accounts.admin_routes  # noqa: F401 - its endpoints belong to the same blueprint
from server.accounts import bp, service, tries
from server.accounts.calling import bearer_device, settings
from server.accounts.listing import list_colleagues
from server.accounts.models import Device, User
from server.accounts.rights import Caller, build_caller
from server.accounts.schemas import ColleaguesOut, DoneOut, EnrolIn, EnrolOut, LoginIn, LoginOut, MeOut, PasswordIn, PasswordOut
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


def _source() -> str:
    return request.remote_addr or "unknown"


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
    tried = tries.Try(None, None, _source())
    with unit(session):
        tries.take(session, settings(), at, tried)
    with unit(session):
        done = service.enrol(session, at, body["code"], body["name"], key)
        tries.forgive(session, tried)
    return {
        "device_id": done.device.id, "device_token": done.token, "letter": done.device.letter, "name": done.device.name,
        "town": _town(), "addresses": settings().addresses, "station_code": done.device.station_code,
        "server_time": datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds"),
    }  # fmt: skip


@endpoint(
    bp, "POST", "/login", auth="none", body=LoginIn, returns=LoginOut,
    errors=("login_failed", "too_many_tries", "device_unknown", "device_revoked"),
    summary="Sign a user in on this device",
)  # fmt: skip
def login(body: dict[str, Any]) -> dict[str, Any]:
    """Sign in; a browser without a device becomes a desk device. What is wrong with the device is told before the password is looked at."""
    at = now_ms()
    session = db.session()
    device = _login_device(at, body["desk"])
    tried = tries.Try(body["username"], device.id if device is not None else None, _source())
    with unit(session):
        tries.take(session, settings(), at, tried)
    user = service.check_password(session, body["username"], body["password"])
    session.rollback()
    if user is None:
        with unit(session):
            service.note_failed(session, at, body["username"], device)
        raise fail("login_failed")
    with unit(session):
        device, token = _login_device(at, body["desk"]), None
        if device is None:
            enrolled = service.add_device(session, at, "desk", f"desk {user.username}", None, None)
            device, token = enrolled.device, enrolled.token
        tries.forgive(session, tried)
        grant, grant_token = service.sign_in(session, settings(), at, user, device)
        session.flush()
        caller = build_caller(session, device, grant, at)
        described = service.describe_user(session, user, at)
    return {
        "grant_id": grant.id, "grant_token": grant_token, "expires_at": grant.expires_at, "user": described,
        "scopes": caller.scopes, "device_id": device.id, "device_token": token, "letter": device.letter, "town": _town(),
        "addresses": settings().addresses,
        "device_secret": device.secret,
    }  # fmt: skip


@endpoint(bp, "POST", "/logout", returns=DoneOut, summary="End this sign-in; unsent work stays on the device")
def logout(caller: Caller) -> dict[str, bool]:
    """End the grant."""
    with unit() as session:
        service.sign_out(session, now_ms(), caller.grant_id or "")
    return {"done": True}


@endpoint(
    bp, "POST", "/password", body=PasswordIn, returns=PasswordOut, errors=("login_failed", "password_weak", "too_many_tries"),
    summary="Change one's own password; other sign-ins end",
)  # fmt: skip
def password(caller: Caller, body: dict[str, Any]) -> dict[str, int]:
    """The old one is asked for and counted like a sign-in: a handheld left open is no way to a new one."""
    at = now_ms()
    session = db.session()
    user = session.get(User, caller.user_id)
    if user is None:
        raise fail("login_required")
    tried = tries.Try(user.username, caller.device_id, _source())
    with unit(session):
        tries.take(session, settings(), at, tried)
    found = service.check_password(session, user.username, body["old"])
    session.rollback()
    if found is None:
        raise fail("login_failed")
    with unit(session):
        tries.forgive(session, tried)
        return {"ended": service.change_password(session, at, found, body["new"], caller.grant_id or "")}


@endpoint(bp, "GET", "/me", returns=MeOut, summary="Who is signed in")
def me(caller: Caller) -> dict[str, Any]:
    """The signed-in user."""
    session = db.session()
    user = session.get(User, caller.user_id)
    device = session.get(Device, caller.device_id)
    if user is None or device is None:
        raise fail("login_required")
    described = service.describe_user(session, user, now_ms())
    session.rollback()
    return {"user": described, "device_id": device.id, "scopes": caller.scopes}


@endpoint(
    bp, "GET", "/colleagues", returns=ColleaguesOut, summary="Names of those whose work the caller may see, to show offline"
)
def colleagues(caller: Caller) -> dict[str, Any]:
    """The names; a device nobody is signed in on gets none."""
    found = list_colleagues(db.session(), caller.scopes)
    db.session.rollback()
    return {"items": found}
