"""Refusals leave a trace (ASVS V16.3): who, from where, in which request; bounded, without secrets, and never in the way of the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask
from sqlalchemy.exc import OperationalError

from server.accounts import service
from server.accounts.models import Audit
from server.db import db, unit
from server.ledger.clock import now_ms
from server.logs import configure_logs
from server.web import refusals
from server.web.refusals import LINES_PER_MINUTE, NOTED_EVERY_MS, Bounds
from sync.stamp import GENESIS
from tests.server.edge.people import PASSWORD, SCOPE, Person
from tests.server.edge.test_metrics import figures, reg
from tests.server.edge.test_rescue import Carrier, carrier, carry  # noqa: F401 - a fixture among them

WRONG = "wrong-pass-1"


def lines(app: Flask, action: str) -> list[Audit]:
    with app.app_context():
        found = db.session.query(Audit).filter_by(action=action).order_by(Audit.id).all()
        db.session.expunge_all()
        return found


def test_a_refused_right_names_the_account_the_address_and_the_request(app: Flask, person: Person) -> None:
    client = person("patroller")
    answer = client.call("GET", "/admin/audit")
    (line,) = lines(app, "right_refused")
    assert (line.actor, line.address, line.request_id) == (client.user_id, "127.0.0.1", answer.headers["X-Request-Id"])
    assert line.detail == {"code": "forbidden", "route": "/api/v1/admin/audit"}


def test_refused_tokens_devices_and_codes_leave_a_line_each(app: Flask, person: Person) -> None:
    client, device = person("patroller"), person.enrol()
    with app.app_context(), unit() as session:
        service.revoke_device(session, now_ms(), "test", device["device_id"])
    client.call("POST", "/logout")
    client.call("GET", "/me")
    stranger = app.test_client()
    stranger.get("/api/v1/me", headers={"Authorization": "Bearer never-given-out"})
    stranger.get("/api/v1/me")
    stranger.post("/api/v1/login", json={"username": "head", "password": PASSWORD}, headers={"Authorization": f"Bearer {device['device_token']}"})
    stranger.post("/api/v1/enrol", json={"code": "WRNG-0001"})
    # An ended sign-in is put down to its owner as done to him, not by him; who shows nothing at all leaves no line.
    assert [(line.actor, line.target) for line in lines(app, "token_refused")] == [("", client.user_id), ("", None)]
    assert [line.device for line in lines(app, "device_refused")] == [device["device_id"]]
    assert len(lines(app, "code_refused")) == 1
    assert "never-given-out" not in str([line.detail for line in lines(app, "token_refused")])


def test_a_lock_is_told_once_and_every_wrong_password_each_time(app: Flask, person: Person) -> None:
    device = person.enrol()
    before = figures(app).get('xunan_refusals_total{deed="login_locked"}', 0)
    for _ in range(8):
        app.test_client().post(
            "/api/v1/login", json={"username": "head", "password": WRONG}, headers={"Authorization": f"Bearer {device['device_token']}"}
        )
    assert len(lines(app, "login_failed")) == 5
    (locked,) = lines(app, "login_locked")
    assert locked.device == device["device_id"]
    assert WRONG not in str([line.detail for line in lines(app, "login_failed")])
    assert figures(app)['xunan_refusals_total{deed="login_locked"}'] - before == 3


def test_the_same_guess_at_a_strange_name_is_known_again(app: Flask) -> None:
    for name in ("nobody-here", "Nobody-Here ", "another"):
        app.test_client().post("/api/v1/login", json={"username": name, "password": WRONG, "desk": True})
    first, same, other = (line.detail["tried"] for line in lines(app, "login_failed"))
    assert first == same != other


def test_deeds_carry_their_address_too_and_the_command_line_none(app: Flask, person: Person) -> None:
    person("patroller")
    assert {line.address for line in lines(app, "login")} == {"127.0.0.1"}
    assert {line.address for line in lines(app, "user_added")} == {None}


def test_the_administrator_sees_them_and_asks_by_address(app: Flask, person: Person) -> None:
    person("patroller").call("GET", "/admin/audit")
    found = person("admin").call("GET", "/admin/audit?action=right_refused&address=127.0.0.1").json["items"]
    assert [(each["actor_name"], each["address"], bool(each["request_id"])) for each in found] == [("patroller", "127.0.0.1", True)]
    assert person("admin").call("GET", "/admin/audit?address=10.0.0.9").json["total"] == 0


def test_being_refused_again_and_again_fills_no_disk() -> None:
    bounds, at = Bounds(), now_ms() // 60_000 * 60_000
    assert [bounds.take(("a",), at + n) for n in range(3)] == [1, None, None]
    assert bounds.take(("a",), at + NOTED_EVERY_MS) == 3
    later = at + 2 * NOTED_EVERY_MS
    told = [bounds.take(("b", n), later) for n in range(LINES_PER_MINUTE + 20)]
    assert sum(each is not None for each in told) == LINES_PER_MINUTE


def test_a_trace_that_cannot_be_written_changes_no_answer(app: Flask, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any, **__: Any) -> None:
        raise OperationalError("INSERT", None, Exception("disk I/O error"))

    client = person("patroller")
    monkeypatch.setattr(refusals, "note", gone)
    assert client.call("GET", "/admin/audit").json["code"] == "forbidden"


def test_a_forged_bundle_is_put_down_with_who_brought_it(app: Flask, person: Person, carrier: Carrier) -> None:  # noqa: F811
    """ASVS V16.3.3."""
    head = person("head")
    carry(head, carrier.bundle())
    assert lines(app, "bundle_forged") == [], "an honest one is none"
    answer = carry(head, carrier.bundle(key=ec.generate_private_key(ec.SECP256R1())))
    (line,) = lines(app, "bundle_forged")
    assert (line.actor, line.target, line.address) == (head.user_id, carrier.device_id, "127.0.0.1")
    assert answer.status_code == 200, "it is kept aside, not refused"


def test_a_chain_that_forks_is_put_down_once_and_told_each_time(app: Flask, person: Person, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("INFO")
    client = person("patroller")
    client.sync([client.line("0198-a", {"scope": reg(SCOPE), "title": reg("裂缝")})], 1, GENESIS)
    client.n = 0
    other = client.line("0198-b", {"scope": reg(SCOPE), "title": reg("积水")})
    assert [client.sync([other], 1, GENESIS).json["fork"] for _ in range(3)] == [True] * 3
    (line,) = lines(app, "chain_forked")
    assert (line.actor, line.detail["dev"]) == (client.user_id, client.dev)
    told = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    assert [each["dev"] for each in told if each["event"] == "chain_forked"] == [client.dev] * 3
