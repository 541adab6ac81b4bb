"""HTTP of what a person does to his own sign-in: password, second factor, sessions. Thin: parse, call, answer.

Whatever changes how somebody signs in takes everything that signs him in, shown just now (`require_fresh`, or in the request itself).
"""

from __future__ import annotations

from typing import Any

from flask import g

from server.accounts import bp, second_factor, service, sessions, tries
from server.accounts.calling import is_fresh, is_new, require_fresh, settings, source
from server.accounts.models import User
from server.accounts.rights import Caller
from server.accounts.schemas import (
    CodeIn,
    ConfirmIn,
    DoneOut,
    EndedIn,
    EndedOut,
    FactorBegunOut,
    FactorOut,
    PasswordIn,
    RecoveryCodesOut,
    SignInsOut,
)  # fmt: skip
from server.db import db, reading, unit
from server.errors import fail
from server.ledger.clock import now_ms
from server.web.endpoint import endpoint

CODES = ("code_required", "code_wrong", "code_clock", "too_many_tries")


def _me(caller: Caller) -> User:
    user = db.session().get(User, caller.user_id)
    if user is None:
        raise fail("login_required")
    return user


def _show_password(caller: Caller, at: int, password: str) -> None:
    """The caller's password again, counted like a sign-in: a page left open is no way to guess it. Raises `login_failed`."""
    session = db.session()
    username = _me(caller).username
    g.tried_name = username
    tried = tries.Try(username, caller.device_id, source())
    session.rollback()
    with unit(session):
        tries.take(session, settings(), at, tried)
    found = service.check_password(session, username, password)
    session.rollback()
    if found is None:
        raise fail("login_failed")
    with unit(session):
        tries.forgive(session, tried)


def _show_code(caller: Caller, at: int, code: str | None) -> None:
    """A code, of a user who has a factor."""
    session = db.session()
    has = second_factor.held(session, caller.user_id or "")
    session.rollback()
    if has:
        second_factor.check(session, settings(), at, caller.user_id or "", code)


@endpoint(
    bp, "POST", "/password", body=PasswordIn, returns=EndedOut, setting_up=True, errors=("login_failed", "password_weak", *CODES),
    summary="Change one's own password; other sign-ins end",
)  # fmt: skip
def password(caller: Caller, body: dict[str, Any]) -> dict[str, int]:
    """The old one is asked for, and a code of who has one."""
    at = now_ms()
    if not (body["old"] is None and _me(caller).pw_given and (is_fresh() or is_new())):
        _show_password(caller, at, body["old"] or "")
        _show_code(caller, at, body["code"])
    with unit() as session:
        user = session.get_one(User, caller.user_id)
        return {"ended": service.change_password(session, at, user, body["new"], caller.grant_id or "")}


@endpoint(
    bp, "POST", "/session/confirm", body=ConfirmIn, returns=DoneOut, setting_up=True, when_idle=True, errors=("login_failed", *CODES),
    summary="Show the password again: unlocks an idle desk, and with `whole` opens what changes how somebody signs in",
)  # fmt: skip
def confirm(caller: Caller, body: dict[str, Any]) -> dict[str, bool]:
    """The same sign-in goes on."""
    at = now_ms()
    _show_password(caller, at, body["password"])
    if body["whole"]:
        _show_code(caller, at, body["code"])
    with unit() as session:
        sessions.confirm(session, caller.grant_id or "", at, whole=body["whole"])
    return {"done": True}


@endpoint(bp, "POST", "/session/alive", returns=DoneOut, setting_up=True, summary="Somebody touched this desk; told by its page, at most once a minute")
def alive(caller: Caller) -> dict[str, bool]:
    """A handheld has no need to tell."""
    if caller.dev_kind == sessions.DESK:
        with unit() as session:
            sessions.touch(session, caller.grant_id or "", now_ms())
    return {"done": True}


@endpoint(bp, "GET", "/sessions", returns=SignInsOut, setting_up=True, summary="One's own sign-ins: on which device, from where, since when")
def own_sessions(caller: Caller) -> dict[str, Any]:
    """Those that hold."""
    with reading(db.session()) as session:
        return {"items": sessions.list_own(session, caller.user_id or "", now_ms(), caller.grant_id)}


@endpoint(
    bp, "POST", "/sessions/<grant_id>/end", returns=DoneOut, setting_up=True, errors=("not_found", "confirm_required"),
    summary="End one of one's own sign-ins; unsent work is still delivered",
)  # fmt: skip
def end_session(caller: Caller, grant_id: str) -> dict[str, bool]:
    """His own only."""
    require_fresh()
    with unit() as session:
        sessions.end_own(session, now_ms(), caller.user_id or "", grant_id)
    return {"done": True}


@endpoint(
    bp, "POST", "/sessions/end-others", returns=EndedOut, setting_up=True, errors=("confirm_required",),
    summary="End every sign-in of one's own but this",
)  # fmt: skip
def end_other_sessions(caller: Caller) -> dict[str, int]:
    """All but the present one."""
    require_fresh()
    with unit() as session:
        return {"ended": sessions.end_others(session, now_ms(), caller.user_id or "", caller.grant_id)}


@endpoint(
    bp, "POST", "/sessions/ended", auth="device", body=EndedIn, returns=EndedOut,
    summary="Sign-outs this device made without a network; it may end sign-ins of its own only",
)  # fmt: skip
def ended_sessions(caller: Caller, body: dict[str, Any]) -> dict[str, int]:
    """Told with the device's own token: whoever signed out is gone."""
    with unit() as session:
        return {"ended": sessions.end_told(session, now_ms(), caller.device_id, body["grants"])}


@endpoint(bp, "GET", "/second-factor", returns=FactorOut, setting_up=True, summary="Whether one has a second factor, and must have one")
def factor(caller: Caller) -> dict[str, Any]:
    """What is known of it; never the secret."""
    with reading(db.session()) as session:
        return {**second_factor.described(session, caller.user_id or ""), "due": second_factor.is_due(settings(), caller.roles)}


@endpoint(
    bp, "POST", "/second-factor/begin", returns=FactorBegunOut, setting_up=True, errors=("confirm_required",),
    summary="A new secret for an authenticator app, shown once; the present one holds until the new one is confirmed",
)  # fmt: skip
def begin_factor(caller: Caller) -> dict[str, str]:
    """Scan it, then confirm it with a code."""
    require_fresh()
    with unit() as session:
        secret, qr = second_factor.begin(session, now_ms(), session.get_one(User, caller.user_id), settings().town_name)
    return {"secret": secret, "qr": qr}


@endpoint(
    bp, "POST", "/second-factor/confirm", body=CodeIn, returns=RecoveryCodesOut, setting_up=True,
    errors=("code_wrong", "code_clock", "too_many_tries", "conflict"),
    summary="The first code of the new secret: from now on it holds; gives recovery codes, shown once",
)  # fmt: skip
def confirm_factor(caller: Caller, body: dict[str, Any]) -> dict[str, list[str]]:
    """Earlier recovery codes are void. Nothing is asked anew: who begun it was asked, and installing an app takes longer than that holds."""
    return {"codes": second_factor.confirm(db.session(), settings(), now_ms(), caller.user_id or "", body["code"])}
