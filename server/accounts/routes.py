"""HTTP of accounts: enrol, sign in and out, who am I, and the administrator's verbs. Thin: parse, call, answer."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, request
from marshmallow import Schema, fields, validate

from server.accounts import service, tries
from server.accounts.calling import bearer_device, settings
from server.accounts.models import Device, User
from server.accounts.rights import ROLES, Caller, build_caller
from server.db import db, unit
from server.errors import fail
from server.ledger.clock import now_ms
from server.web.endpoint import endpoint

bp = Blueprint("accounts", __name__, url_prefix="/api/v1")


class EnrolIn(Schema):
    """One-time code and what the device says of itself."""

    code = fields.String(required=True, validate=validate.Length(4, 40))
    name = fields.String(load_default="", validate=validate.Length(max=60))
    public_key = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=2000))
    app = fields.String(load_default="", validate=validate.Length(max=40))


class TownOut(Schema):
    """The town this server serves."""

    name = fields.String(required=True)


class EnrolOut(Schema):
    """The device's identity; `device_token` is shown this once."""

    device_id = fields.String(required=True)
    device_token = fields.String(required=True)
    letter = fields.String(required=True)
    name = fields.String(required=True)
    town = fields.Nested(TownOut, required=True)
    station_code = fields.String(allow_none=True)
    server_time = fields.String(required=True)


class LoginIn(Schema):
    """User name and password; `desk` registers this browser as a desk device when it has no token."""

    username = fields.String(required=True, validate=validate.Length(1, 60))
    password = fields.String(required=True, validate=validate.Length(1, 200))
    desk = fields.Boolean(load_default=False)


class StationPostOut(Schema):
    """A station and the role held there."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    role = fields.String(required=True)


class UserOut(Schema):
    """A user as screens show him."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    username = fields.String(required=True)
    roles = fields.List(fields.String(), required=True)
    stations = fields.List(fields.Nested(StationPostOut), required=True)


class LoginOut(Schema):
    """A grant; tokens are shown this once."""

    grant_id = fields.String(required=True)
    grant_token = fields.String(required=True)
    expires_at = fields.Integer(required=True)
    user = fields.Nested(UserOut, required=True)
    scopes = fields.List(fields.String(), required=True)
    device_id = fields.String(required=True)
    device_token = fields.String(allow_none=True)
    letter = fields.String(required=True)
    town = fields.Nested(TownOut, required=True)
    device_secret = fields.String(required=True)


class MeOut(Schema):
    """Who is signed in on which device."""

    user = fields.Nested(UserOut, required=True)
    device_id = fields.String(required=True)
    scopes = fields.List(fields.String(), required=True)


class DoneOut(Schema):
    """Nothing to say but that it is done."""

    done = fields.Boolean(required=True)


class DeviceCodeIn(Schema):
    """Whom the code is for."""

    name = fields.String(required=True, validate=validate.Length(1, 60))
    station_code = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=20))


class DeviceCodeOut(Schema):
    """The code, shown once; `qr` is the text of the QR."""

    code = fields.String(required=True)
    expires_at = fields.Integer(required=True)
    qr = fields.String(required=True)


class UserIn(Schema):
    """A new user."""

    username = fields.String(required=True, validate=validate.Regexp(r"^[A-Za-z0-9_.-]{3,40}$"))
    name = fields.String(required=True, validate=validate.Length(1, 60))
    password = fields.String(required=True, validate=validate.Length(1, 200))


class UserIdOut(Schema):
    """Id of the new user."""

    id = fields.String(required=True)


class PostIn(Schema):
    """A post for a user; `end` ends the post of that id instead."""

    user_id = fields.String(required=True, validate=validate.Length(1, 40))
    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    station_code = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=20))


class PostIdOut(Schema):
    """Id of the new post."""

    id = fields.Integer(required=True)


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
        "town": _town(), "station_code": done.device.station_code,
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
        "device_secret": device.secret,
    }  # fmt: skip


@endpoint(bp, "POST", "/logout", returns=DoneOut, summary="End this sign-in; unsent work stays on the device")
def logout(caller: Caller) -> dict[str, bool]:
    """End the grant."""
    with unit() as session:
        service.sign_out(session, now_ms(), caller.grant_id or "")
    return {"done": True}


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
    bp, "POST", "/admin/device-codes", roles=("operator", "admin", "head"), body=DeviceCodeIn, returns=DeviceCodeOut,
    status=201, summary="A one-time code to enrol a handheld",
)  # fmt: skip
def device_code(caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    """Make a code; a station head only for his own station."""
    if not caller.all_town and body["station_code"] not in caller.stations:
        raise fail("forbidden")
    with unit() as session:
        code, expires = service.make_code(
            session, settings(), now_ms(), caller.user_id or "", body["name"], body["station_code"]
        )
    return {"code": code, "expires_at": expires, "qr": f'{{"u":"{settings().base_url}","c":"{code}"}}'}


@endpoint(
    bp, "POST", "/admin/users", roles=("admin",), body=UserIn, returns=UserIdOut, status=201,
    errors=("already_used", "password_weak"), summary="A new user",
)  # fmt: skip
def new_user(caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    """Add a user."""
    with unit() as session:
        user = service.add_user(session, now_ms(), caller.user_id or "", body["username"], body["name"], body["password"])
        return {"id": user.id}


@endpoint(
    bp, "POST", "/admin/posts", roles=("admin",), body=PostIn, returns=PostIdOut, status=201, summary="Give a user a post"
)
def new_post(caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    """Add a post."""
    with unit() as session:
        post = service.add_post(
            session, now_ms(), caller.user_id or "", body["user_id"], body["role"], body["station_code"]
        )
        session.flush()
        return {"id": post.id}


@endpoint(
    bp, "DELETE", "/admin/posts/<int:post_id>", roles=("admin",), returns=DoneOut, errors=("not_found",),
    summary="End a post",
)  # fmt: skip
def close_post(caller: Caller, post_id: int) -> dict[str, bool]:
    """End a post now."""
    with unit() as session:
        service.end_post(session, now_ms(), caller.user_id or "", post_id)
    return {"done": True}
