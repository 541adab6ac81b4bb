"""Attacks leave a trace: every refusal of a person, token or right is counted, logged, and put down in the audit log.

Owns which refusals these are and how often the same one is written. A line says who (the account or device a token was given to,
the account a name belongs to, never a password; a name that is nobody's only as a keyed hash, so that the same guess is known
again), from which address and in which request. Invariants: the log is told of every refusal; the audit log of every wrong
password (tries.py bounds them) and of any other at most once in NOTED_EVERY_MS, LINES_PER_MINUTE in a process, so that nobody fills
the disk by being refused; a trace that cannot be written never changes the answer.
"""

from __future__ import annotations

import hmac
import threading
from typing import Any

import structlog
from flask import current_app, g, request
from sqlalchemy.exc import SQLAlchemyError

from server.accounts.audit import note, origin
from server.accounts.calling import AskedBy, bearer, settings
from server.accounts.service import user_named
from server.accounts.tries import folded
from server.db import db, unit
from server.ledger.clock import now_ms
from server.web.metrics import REFUSALS

log = structlog.get_logger("security")
DEEDS = {
    "login_failed": "login_failed",
    "password_expired": "login_failed",
    "code_wrong": "factor_failed",
    "code_clock": "factor_failed",
    "too_many_tries": "login_locked",
    "login_required": "token_refused",
    "device_unknown": "device_refused",
    "device_revoked": "device_refused",
    "enrol_code_invalid": "code_refused",
    "forbidden": "right_refused",
    "too_many_requests": "braked",
    "day_limit": "day_limit",
    "storage_full": "storage_full",
}
NOTED_EVERY_MS = 600_000
LINES_PER_MINUTE = 60
KEYS_MAX = 10_000
MINUTE_MS = 60_000
NAME_HASH_CHARS = 16


class Bounds:
    """What was written lately. One per app."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted: dict[tuple[Any, ...], tuple[int, int]] = {}
        self._minute = self._lines = 0

    def take(self, key: tuple[Any, ...], at: int) -> int | None:
        """How many such refusals a line now stands for; None when none is to be written."""
        with self._lock:
            last, unwritten = self._noted.get(key, (0, 0))
            if at // MINUTE_MS != self._minute:
                self._minute, self._lines = at // MINUTE_MS, 0
            if at - last < NOTED_EVERY_MS or self._lines >= LINES_PER_MINUTE:
                if key in self._noted or len(self._noted) < KEYS_MAX:
                    self._noted[key] = (last, unwritten + 1)
                return None
            if len(self._noted) >= KEYS_MAX:
                self._noted = {each: kept for each, kept in self._noted.items() if at - kept[0] < NOTED_EVERY_MS}
            self._noted[key] = (at, 0)
            self._lines += 1
            return unwritten + 1


def leave_trace(code: str) -> None:
    """Tell of a refusal on its way out; the transaction of the request is over."""
    deed = DEEDS.get(code)
    if deed is None or (code == "login_required" and bearer() is None):
        return  # a stranger who shows nothing is asked to sign in, that is all
    asked: AskedBy = g.asked_by
    route = request.url_rule.rule if request.url_rule is not None else "unmatched"
    REFUSALS.labels(deed).inc()
    log.warning(deed, code=code, device=asked.device_id, user=asked.user_id, route=route, address=origin.get().address)
    at = now_ms()
    times: int | None = 1
    if deed != "login_failed":
        bounds: Bounds = current_app.extensions["xunan_refusals"]
        times = bounds.take((deed, asked.device_id, asked.user_id, origin.get().address), at)
    if times is None:
        return
    _write_down(at, deed, asked, {"code": code, "route": route, **({"times": times} if times > 1 else {})})


def tell_fork(dev: str) -> None:
    """A chain that parts from the one stored here: two disks under one name, by accident or not. Nothing is refused, both parts are kept."""
    asked: AskedBy = g.asked_by
    log.warning("chain_forked", dev=dev, device=asked.device_id, user=asked.user_id, address=origin.get().address)
    at = now_ms()
    bounds: Bounds = current_app.extensions["xunan_refusals"]
    if (times := bounds.take(("chain_forked", dev), at)) is not None:
        _write_down(at, "chain_forked", asked, {"dev": dev, "times": times})


def _write_down(at: int, deed: str, asked: AskedBy, detail: dict[str, Any]) -> None:
    try:
        with unit(db.session()):
            _write(at, deed, asked, detail)
    except SQLAlchemyError as error:
        log.error("trace_not_written", deed=deed, kind=type(error).__name__)


def _write(at: int, deed: str, asked: AskedBy, detail: dict[str, Any]) -> None:
    session = db.session()
    # Whoever guesses a password, or shows a token that ended, is not the one it was given to: he is whom it was done to.
    actor, target = ("", asked.user_id) if asked.ended else (asked.user_id or "", None)
    if (name := g.tried_name) is not None:
        target = user_named(session, name)
        if target is None:
            detail["tried"] = hmac.digest(settings().secret_key.encode(), folded(name).encode(), "sha256").hex()[:NAME_HASH_CHARS]
    note(session, at, actor, deed, target, asked.device_id, **detail)
