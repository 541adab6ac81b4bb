"""Enrolment, sign-in, lock-out, rights and revocation through the HTTP API."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import select

from server.accounts import service
from server.accounts.models import Audit, Device, Post
from server.db import db, unit
from tests.server.edge.people import AT, PASSWORD, SCOPE, Person


def reg(value: object, *parents: str) -> dict[str, object]:
    return {"k": "reg", "v": value, "b": list(parents)}


def test_a_code_enrols_one_device_only(app: Flask, person: Person) -> None:
    code = person.code()
    client = app.test_client()
    first = client.post("/api/v1/enrol", json={"code": code.lower().replace("-", " ")})
    second = client.post("/api/v1/enrol", json={"code": code})
    assert first.status_code == 200
    assert first.json["town"]["name"] == "示例镇"
    assert second.status_code == 422
    assert second.json["code"] == "enrol_code_invalid"


def test_every_device_has_its_own_letter(person: Person) -> None:
    letters = [person.enrol()["letter"] for _ in range(10)]
    assert len(set(letters)) == 10
    words = [service.letter_of(index) for index in range(2000)]
    assert len(set(words)) == 2000


def test_wrong_name_and_wrong_password_are_answered_alike(app: Flask, person: Person) -> None:
    token = person.enrol()["device_token"]
    answers = [
        app.test_client().post("/api/v1/login", json=body, headers={"Authorization": f"Bearer {token}"}).json
        for body in ({"username": "head", "password": "wrong-pass-1"}, {"username": "nobody", "password": "wrong-pass-1"})
    ]
    for answer in answers:
        answer.pop("request_id")
    assert answers[0] == answers[1]
    assert answers[0]["code"] == "login_failed"


def test_too_many_wrong_tries_lock_the_name_even_for_the_right_password(app: Flask, person: Person) -> None:
    token = person.enrol()["device_token"]

    def login(password: str) -> tuple[int, str]:
        answer = app.test_client().post(
            "/api/v1/login", json={"username": "head", "password": password}, headers={"Authorization": f"Bearer {token}"}
        )
        return answer.status_code, answer.json.get("code", "")

    assert [login("wrong-pass-1")[1] for _ in range(5)] == ["login_failed"] * 5
    assert login(PASSWORD) == (429, "too_many_tries")


def test_a_patroller_gets_the_town_and_his_own_station(person: Person) -> None:
    me = person("patroller").call("GET", "/me").json
    assert me["scopes"] == [SCOPE, "town"]


def test_login_without_a_device_needs_desk(app: Flask) -> None:
    client = app.test_client()
    plain = client.post("/api/v1/login", json={"username": "operator", "password": PASSWORD})
    desk = client.post("/api/v1/login", json={"username": "operator", "password": PASSWORD, "desk": True})
    assert plain.json["code"] == "device_unknown"
    assert desk.status_code == 200
    assert desk.json["device_token"]


def test_logout_ends_the_token(person: Person) -> None:
    client = person("head")
    assert client.call("POST", "/logout").status_code == 200
    answer = client.call("GET", "/me")
    assert answer.status_code == 401
    assert answer.json["retry"] == "login"


def test_a_revoked_device_still_delivers_its_work_and_gets_nothing(app: Flask, person: Person) -> None:
    client = person("patroller")
    line = client.line("0198-a", {"scope": reg(SCOPE), "title": reg("裂缝")})
    with app.app_context(), unit() as session:
        service.revoke_device(session, AT, "test", session.scalars(select(Device.id)).one())
    answer = client.sync([line], 1, "00000000")
    assert answer.status_code == 200
    assert answer.json["verdicts"] == [{"n": 1, "v": "quarantined", "why": "device_revoked"}]
    assert answer.json["acked"] == 1
    assert answer.json["records"] == []
    assert client.call("GET", "/me").json["code"] == "device_revoked"


def test_an_ended_post_quarantines_but_stores(app: Flask, person: Person) -> None:
    client = person("patroller")
    line = client.line("0198-a", {"scope": reg(SCOPE), "title": reg("裂缝")})
    with app.app_context(), unit() as session:
        for post in session.scalars(select(Post).where(Post.user_id == client.user_id)):
            post.valid_to = AT + 1
    answer = client.sync([line], 1, "00000000")
    assert answer.json["verdicts"][0]["v"] == "quarantined"
    assert answer.json["verdicts"][0]["why"] == "scope_revoked"


def test_deeds_leave_an_audit_line_without_names(app: Flask, person: Person) -> None:
    person("head")
    with app.app_context():
        actions = list(db.session.scalars(select(Audit.action).order_by(Audit.id)))
        details = str(list(db.session.scalars(select(Audit.detail))))
    assert actions[-3:] == ["device_code", "device_enrolled", "login"]
    assert PASSWORD not in details
