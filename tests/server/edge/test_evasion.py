"""Ways around: addresses and hosts a client makes up, methods nobody meant, and what they would get past - rights, brakes, the audit log."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import func, select

from server import brakes, create_app
from server.accounts.models import Audit, Grant
from server.db import db
from server.web.endpoint import OPERATIONS
from tests.server.edge.matrix import MATRIX, NODE, PUBLIC, Town
from tests.server.edge.people import PASSWORD, Person
from tests.server.edge.test_matrix import ask

MADE_UP = {
    "Forwarded": "for=192.0.2.1;host=evil.example;proto=http", "X-Real-IP": "192.0.2.1", "X-Client-IP": "192.0.2.1", "True-Client-IP": "192.0.2.1",
    "X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil.example", "X-Forwarded-Port": "81", "X-Original-URL": "/evil.example",
    "X-Rewrite-URL": "/evil.example", "Host": "evil.example",
}  # fmt: skip
OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
LONG = "1" * 5000


def login(app: Flask, forwarded: str | None, password: str = "wrong-password-1") -> int:
    headers = MADE_UP | ({"X-Forwarded-For": forwarded} if forwarded is not None else {})
    return app.test_client().post("/api/v1/login", json={"username": "head", "password": password, "desk": True}, headers=headers).status_code


def addresses(app: Flask, action: str) -> set[str | None]:
    with app.app_context():
        return set(db.session.scalars(select(Audit.address).where(Audit.action == action)))


@pytest.mark.parametrize(
    ("proxies", "told", "seen"),
    [(0, "{made_up}", "127.0.0.1"), (1, "{made_up}, 198.51.100.7", "198.51.100.7"), (2, "{made_up}, 198.51.100.7, 203.0.113.1", "198.51.100.7"), (2, None, "127.0.0.1")],
)  # fmt: skip
def test_no_address_that_a_client_makes_up_gets_past_the_lock_or_into_the_log(app: Flask, proxies: int, told: str | None, seen: str) -> None:
    behind = create_app(replace(app.extensions["xunan"], trusted_proxies=proxies))
    behind.testing = True
    tries = [login(behind, told and told.format(made_up=f"192.0.2.{number}")) for number in range(8)]
    assert (tries[0], tries[-1]) == (401, 429), "each try with another address is a try of one"
    assert addresses(app, "login_failed") == addresses(app, "login_locked") == {seen}


def test_an_address_of_any_length_signs_in_and_is_cut(app: Flask) -> None:
    """The nearest proxy is believed whatever it says."""
    behind = create_app(replace(app.extensions["xunan"], trusted_proxies=1))
    behind.testing = True
    assert login(behind, LONG, PASSWORD) == 200
    assert addresses(app, "login") == {LONG[:60]}
    with app.app_context():
        assert db.session.scalars(select(Grant.address)).all() == [LONG[:60]]


@pytest.mark.parametrize("path", ["/", "//evil.example/x", "/api/v1/files/", "//api/v1//me", "/api/v1/me/", "/api/docs", "/assets/none.js", "/index.html"])
def test_no_answer_sends_anybody_to_a_host_that_was_made_up(app: Flask, path: str) -> None:
    for method in ("GET", "HEAD", "POST", "OPTIONS"):
        answer = app.test_client().open(path, method=method, headers=MADE_UP)
        assert "evil" not in str(answer.headers) + answer.get_data(as_text=True), (method, path)
        assert answer.status_code not in (301, 302, 303, 307, 308)


def test_head_asks_for_the_same_rights_as_get_and_is_counted_like_it(app: Flask, person: Person) -> None:
    town = Town(app, person)
    for operation in OPERATIONS:
        name = f"{operation.blueprint}.{operation.name}"
        if operation.method != "GET" or name in ("live.live", "files.read"):
            continue  # a stream has no end; HEAD of a file is the offset of one's own upload (P-50)
        row = MATRIX[name]
        for who in PUBLIC + (NODE if row.who == NODE else ()):
            got, asked = (ask(app, town, row, method, town.callers.get(who)) for method in ("GET", "HEAD"))
            assert (asked.status_code, asked.data) == (got.status_code, b""), (name, who)


def test_head_leaves_the_same_traces_and_meets_the_same_brake(app: Flask, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    client = person("patroller")
    assert client.call("HEAD", "/admin/audit").status_code == 403
    with app.app_context():
        assert db.session.scalar(select(func.count()).where(Audit.action == "right_refused")) == 1
    monkeypatch.setattr(brakes.Brakes, "take", lambda *_args: (_ for _ in ()).throw(brakes.fail("too_many_requests")))
    assert client.call("HEAD", "/me").status_code == 429


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PUT", "PROPFIND", "POST "])
def test_other_methods_reach_nothing_and_echo_nothing(app: Flask, person: Person, method: str) -> None:
    admin = person("admin")
    for path in ("/me", "/admin/audit", "/sync", "/healthz"):
        answer = admin.call(method, path, headers={"Cookie": "secret-of-mine"})
        assert answer.status_code in (404, 405), (method, path)
        assert "secret-of-mine" not in answer.get_data(as_text=True)
        assert admin.token not in answer.get_data(as_text=True)


def test_a_method_is_the_one_of_the_request_line(app: Flask, person: Person) -> None:
    admin = person("admin")
    for header in OVERRIDES:
        assert admin.call("GET", "/admin/users?_method=POST", headers={header: "POST"}).status_code == 404
        assert admin.call("POST", "/me?_method=GET", headers={header: "GET"}, data={"_method": "GET"}).status_code == 405
        assert admin.call("POST", "/admin/posts/1?_method=DELETE", headers={header: "DELETE"}, data={"_method": "DELETE"}).status_code == 405
    with app.app_context():
        assert db.session.scalar(select(func.count()).where(Audit.action == "post_ended")) == 0


def test_options_tells_methods_and_nothing_of_the_town(app: Flask, person: Person) -> None:
    town = Town(app, person)
    for path in (f"/admin/users/{town.callers['admin'].user_id}", "/admin/users/none", "/centre/records/0198-hazard", "/centre/records/none"):
        answer = app.test_client().options(f"/api/v1{path}", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"})
        assert (answer.status_code, answer.data) == (200, b"")
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control-")]
