"""Deed by deed: whatever writes leaves an audit line of who did it, or stands here with the reason why not (ASVS V16.2.1, V16.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import func, select

from server.accounts.models import Audit, Grant
from server.db import db
from server.erasure import retention
from server.ledger.clock import now_ms
from server.web.endpoint import OPERATIONS
from tests.server.edge.matrix import MATRIX, Request, Row, Town, send
from tests.server.edge.people import PASSWORD, Client, Person
from tests.server.edge.test_desk_sign_in import totp
from tests.server.edge.test_matrix import ask

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
READS = "asks in a body, so that no name stands in an address; changes nothing"
OPS = "the op log is the trace: every line, its author, its device, for ever"
# Operations that could write by their method and leave no line of their own. `files` and `sync`: bytes and ops name who brought them.
QUIET = {
    "accounts.users": READS, "centre.centre_search": READS, "centre.centre_list": READS, "nodes.files": READS,
    "accounts.alive": "a touch a minute would bury the deeds, and gives nothing that the sign-in did not",
    "nodes.meet": OPS + "; an erasure told by a hub has a line (tests/server/nodes/test_hostile_node.py)",
    "nodes.exchange_accounts": "nothing new came in this question; sign-ins made at a hub have lines (tests/server/nodes/test_hostile_node.py)",
}  # fmt: skip


def other_sign_in(town: Town) -> str:
    town.person("admin")
    with town.app.app_context():
        me = town.callers["admin"].user_id
        return str(db.session.scalars(select(Grant.id).where(Grant.user_id == me).order_by(Grant.created_at.desc())).first())


def others(town: Town) -> Request:
    other_sign_in(town)
    return "/sessions/end-others", {}


def blocked(town: Town) -> Request:
    user = town.new_user()
    town.callers["admin"].call("POST", f"/admin/users/{user}/block")
    return f"/admin/users/{user}/unblock", {}


def factor_code(town: Town) -> Request:
    admin = town.callers["admin"]
    secret = admin.call("POST", "/second-factor/begin", json={}).json["secret"]
    return "/second-factor/confirm", {"json": {"code": totp(secret)(now_ms())}}


def signed_out(town: Town) -> Request:
    client = town.person("patroller")
    town.callers["device"] = replace(client, token=client.device_token)
    with town.app.app_context():
        grants = db.session.scalars(select(Grant.id).where(Grant.user_id == client.user_id)).all()
    return "/sessions/ended", {"json": {"grants": list(grants)}}


# Where the request of the matrix does nothing: one that does, as whom.
DONE: dict[str, tuple[str, Callable[[Town], Request]]] = {
    "accounts.unblock_user": ("admin", blocked),
    "accounts.password": ("head", send("/password", {"old": PASSWORD, "new": "tide-and-seawall-73"})),
    "accounts.end_session": ("admin", lambda town: (f"/sessions/{other_sign_in(town)}/end", {})),
    "accounts.end_other_sessions": ("admin", others),
    "accounts.ended_sessions": ("device", signed_out),
    "accounts.confirm_factor": ("admin", factor_code),
    "accounts.enrol": ("nobody", lambda town: ("/enrol", {"json": {"code": town.person.code()}})),
    "accounts.login": ("nobody", send("/login", {"username": "operator", "password": PASSWORD, "desk": True})),
}
# At the end, each for itself: whoever asks is gone afterwards.
LAST = ("accounts.logout", "accounts.password", "accounts.confirm_factor")


def lines_after(app: Flask, last: int, actor: str | None) -> list[str]:
    with app.app_context():
        found = db.session.scalars(select(Audit).where(Audit.id > last).order_by(Audit.id)).all()
    return [each.action for each in found if actor is None or each.actor == actor]


def last_line(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.max(Audit.id))) or 0


@pytest.fixture
def town(app: Flask, person: Person, monkeypatch: pytest.MonkeyPatch) -> Town:
    made = Town(app, person)
    # One record is due, whatever the rule: the rule itself is none of this test's business.
    monkeypatch.setattr(retention, "due", lambda *_args, **_more: [{"total": 1}])
    return made


def test_every_deed_leaves_a_line_of_who_did_it(app: Flask, town: Town) -> None:
    silent = []
    deeds = [each for each in OPERATIONS if each.method in WRITES and each.blueprint not in ("files", "sync")]
    deeds.sort(key=lambda each: f"{each.blueprint}.{each.name}" in LAST)
    for operation in deeds:
        name = f"{operation.blueprint}.{operation.name}"
        if name in QUIET:
            continue
        who, request = DONE.get(name, (MATRIX[name].who[-1], MATRIX[name].request))
        made: Request = request(town)
        caller: Client | None = town.callers.get(who)
        before = last_line(app)
        answer = ask(app, town, Row((who,), lambda _town, made=made: made), operation.method, caller)  # type: ignore[misc]
        # What a device of its own tells is the deed of whose sign-in it is; a new device or sign-in has no actor yet.
        actor = caller.user_id if caller is not None else None
        if answer.status_code >= 400 and name != "rescue.rescue":
            silent.append((name, answer.status_code, answer.json))
        elif not lines_after(app, before, actor):
            silent.append((name, "no line", lines_after(app, before, None)))
        answer.close()
    assert silent == []


def test_the_list_of_quiet_ones_is_no_longer_than_it_must_be(app: Flask, town: Town) -> None:
    names = {f"{each.blueprint}.{each.name}" for each in OPERATIONS if each.method in WRITES}
    assert set(QUIET) <= names
    assert not set(QUIET) & set(DONE)
