"""HTTP of the administrator: users, posts, devices and the audit log. Thin: parse, call, answer; every deed is audited below."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from server.accounts import admin, bp, listing, service
from server.accounts.admin_schemas import (
    AccountOut,
    AccountsOut,
    AuditQuery,
    AuditsOut,
    DeviceCodeIn,
    DeviceCodeOut,
    DevicesOut,
    DevicesQuery,
    FirstPasswordOut,
    PostIdOut,
    PostIn,
    PostsOut,
    PostsQuery,
    RenameIn,
    UserIn,
    UsersQuery,
)  # fmt: skip
from server.accounts.calling import require_fresh, settings
from server.accounts.models import User
from server.accounts.rights import Caller
from server.accounts.schemas import DoneOut
from server.db import db, reading, unit
from server.errors import fail
from server.ledger.clock import now_ms
from server.web.endpoint import endpoint

ADMIN = ("admin",)
TOWN = ("operator", "admin")


def _account(user_id: str) -> dict[str, Any]:
    with reading(db.session()) as session:
        user = session.get(User, user_id)
        if user is None:
            raise fail("not_found")
        return listing.described_users(session, [user], now_ms())[0]


def _change(caller: Caller, user_id: str, deed: Callable[..., Any], *more: Any) -> dict[str, Any]:
    """Do one deed to a user in one transaction and answer what he is now."""
    with unit() as session:
        deed(session, now_ms(), caller.user_id or "", user_id, *more)
    return _account(user_id)


@endpoint(
    bp, "POST", "/admin/users/list", roles=ADMIN, body=UsersQuery, returns=AccountsOut, summary="Users: searched, paged, with posts and sign-ins"
)
def users(caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    """The list of users."""
    with reading(db.session()) as session:
        return listing.list_users(session, body, now_ms())


@endpoint(bp, "GET", "/admin/users/<user_id>", roles=ADMIN, returns=AccountOut, errors=("not_found",), summary="One user")
def user(caller: Caller, user_id: str) -> dict[str, Any]:
    """One user."""
    return _account(user_id)


def _first_password(user_id: str, password: str, at: int) -> dict[str, Any]:
    return {"id": user_id, "password": password, "until": at + settings().first_password_hours * service.HOUR_MS}


@endpoint(
    bp, "POST", "/admin/users", roles=ADMIN, body=UserIn, returns=FirstPasswordOut, status=201,
    errors=("already_used", "confirm_required"), summary="A new user; his first password is made here and shown once",
)  # fmt: skip
def new_user(caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    """Add a user."""
    require_fresh()
    at = now_ms()
    with unit() as session:
        added, password = admin.new_user(session, settings(), at, caller.user_id or "", body["username"], body["name"])
        return _first_password(added.id, password, at)


@endpoint(
    bp, "PATCH", "/admin/users/<user_id>", roles=ADMIN, body=RenameIn, returns=AccountOut,
    errors=("not_found", "already_used", "confirm_required"), summary="Change a user's name or user name",
)  # fmt: skip
def rename_user(caller: Caller, user_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """His id, and so all his work, stays."""
    if body["name"] is None and body["username"] is None:
        raise fail("invalid", errors={"name": ["Nothing to change."]})
    if body["username"] is not None:
        require_fresh()
    return _change(caller, user_id, admin.rename_user, body["name"], body["username"])


@endpoint(
    bp, "POST", "/admin/users/<user_id>/block", roles=ADMIN, returns=AccountOut, errors=("not_found", "conflict"),
    summary="Take every right and sign-in from a user; what his devices still send is kept aside",
)  # fmt: skip
def block_user(caller: Caller, user_id: str) -> dict[str, Any]:
    """Never oneself, never the last administrator."""
    if user_id == caller.user_id:
        raise fail("conflict", reason="nobody blocks himself")
    return _change(caller, user_id, admin.block_user)


@endpoint(
    bp, "POST", "/admin/users/<user_id>/unblock", roles=ADMIN, returns=AccountOut, errors=("not_found", "confirm_required"),
    summary="Give a blocked user his posts back; he signs in anew",
)  # fmt: skip
def unblock_user(caller: Caller, user_id: str) -> dict[str, Any]:
    """The opposite of blocking, and not as quick: rights are given by who has just shown who he is, and taken by anybody who sits there."""
    require_fresh()
    return _change(caller, user_id, admin.unblock_user)


@endpoint(
    bp, "POST", "/admin/users/<user_id>/password", roles=ADMIN, returns=FirstPasswordOut, errors=("not_found", "confirm_required"),
    summary="Another first password, shown once; every sign-in of the user ends",
)  # fmt: skip
def reset_password(caller: Caller, user_id: str) -> dict[str, Any]:
    """Whoever knew the old one is signed out."""
    require_fresh()
    at = now_ms()
    with unit() as session:
        return _first_password(user_id, admin.reset_password(session, settings(), at, caller.user_id or "", user_id), at)


@endpoint(
    bp, "POST", "/admin/users/<user_id>/reset-factor", roles=ADMIN, returns=AccountOut, errors=("not_found", "confirm_required"),
    summary="Take a user's second factor away, as when the phone is lost; every sign-in of the user ends",
)  # fmt: skip
def reset_factor(caller: Caller, user_id: str) -> dict[str, Any]:
    """His next sign-in at a desk sets up another."""
    require_fresh()
    return _change(caller, user_id, admin.reset_factor)


@endpoint(
    bp, "POST", "/admin/users/<user_id>/end-sessions", roles=ADMIN, returns=AccountOut, errors=("not_found",),
    summary="End every sign-in of a user; unsent work is still delivered",
)  # fmt: skip
def end_sessions(caller: Caller, user_id: str) -> dict[str, Any]:
    """He signs in anew everywhere."""
    return _change(caller, user_id, admin.end_sessions)


@endpoint(bp, "GET", "/admin/posts", roles=ADMIN, query=PostsQuery, returns=PostsOut, summary="Posts: who holds which role where")
def posts(caller: Caller, query: dict[str, Any]) -> dict[str, Any]:
    """The list of posts."""
    with reading(db.session()) as session:
        return listing.list_posts(session, query, now_ms())


@endpoint(
    bp, "POST", "/admin/posts", roles=ADMIN, body=PostIn, returns=PostIdOut, status=201, errors=("already_used", "confirm_required"),
    summary="Give a user a post",
)  # fmt: skip
def new_post(caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    """Add a post."""
    require_fresh()
    with unit() as session:
        post = service.add_post(
            session, now_ms(), caller.user_id or "", body["user_id"], body["role"], body["station_code"]
        )
        session.flush()
        return {"id": post.id}


@endpoint(
    bp, "DELETE", "/admin/posts/<int:post_id>", roles=ADMIN, returns=DoneOut, errors=("not_found", "conflict"),
    summary="End a post",
)  # fmt: skip
def close_post(caller: Caller, post_id: int) -> dict[str, bool]:
    """End a post now."""
    if post_id >= 2**31:
        raise fail("not_found")
    with unit() as session:
        admin.end_post(session, now_ms(), caller.user_id or "", post_id)
    return {"done": True}


@endpoint(bp, "GET", "/admin/devices", roles=TOWN, query=DevicesQuery, returns=DevicesOut, summary="Devices: searched, paged")
def devices(caller: Caller, query: dict[str, Any]) -> dict[str, Any]:
    """The list of devices; what is still on each of them is told by /centre/devices."""
    with reading(db.session()) as session:
        return listing.list_devices(session, query)


@endpoint(
    bp, "POST", "/admin/devices/<device_id>/revoke", roles=TOWN, returns=DoneOut, errors=("not_found",), summary="Revoke a device"
)
def revoke_device(caller: Caller, device_id: str) -> dict[str, bool]:
    """It gets nothing more; what it still sends is stored and set aside."""
    with unit() as session:
        service.revoke_device(session, now_ms(), caller.user_id or "", device_id)
    return {"done": True}


@endpoint(
    bp, "POST", "/admin/device-codes", roles=("operator", "admin", "head"), body=DeviceCodeIn, returns=DeviceCodeOut,
    status=201, errors=("confirm_required",), summary="A one-time code to enrol a handheld",
)  # fmt: skip
def device_code(caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    """Make a code; a station head only for a station he heads. What it enrols is a factor of whoever signs in there (ADR 0020)."""
    require_fresh()
    with unit() as session:
        at = now_ms()
        held = service.held_posts(session, caller.user_id or "", at)
        headed = {post.station_code for post in held if post.role == "head"}
        if not caller.all_town and body["station_code"] not in headed:
            raise fail("forbidden")
        code, expires = service.make_code(session, settings(), at, caller.user_id or "", body["name"], body["station_code"])
    return {"code": code, "expires_at": expires, "qr": f'{{"u":"{settings().base_url}","c":"{code}"}}'}


@endpoint(
    bp, "GET", "/admin/audit", roles=ADMIN, query=AuditQuery, returns=AuditsOut, summary="The audit log: by who, what and when"
)
def audit_log(caller: Caller, query: dict[str, Any]) -> dict[str, Any]:
    """Newest first."""
    with reading(db.session()) as session:
        return listing.list_audit(session, query)
