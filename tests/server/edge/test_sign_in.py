"""The lock on wrong sign-ins: it holds for a name on a device, and does not take the neighbours behind one address with it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from server import create_app
from server.accounts import service, tries
from server.accounts.models import Audit, LoginTry, User
from server.db import db, unit
from tests.server.edge.people import AT, PASSWORD, Person

WRONG = "wrong-pass-1"
MINUTE_MS = 60_000


def login(app: Flask, username: str, password: str, token: str | None = None, **headers: str) -> TestResponse:
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    body = {"username": username, "password": password, "desk": token is None}
    return app.test_client().post("/api/v1/login", json=body, headers=headers)


def code_of(answer: TestResponse) -> str:
    return str(answer.json.get("code", answer.status_code))


def test_wrong_tries_lock_the_name_on_that_device_only(app: Flask, person: Person) -> None:
    bad, good = person.enrol()["device_token"], person.enrol()["device_token"]
    assert [code_of(login(app, "head", WRONG, bad)) for _ in range(6)] == ["login_failed"] * 5 + ["too_many_tries"]
    assert code_of(login(app, "head", PASSWORD, bad)) == "too_many_tries"
    assert code_of(login(app, "head", PASSWORD, good)) == "200"
    assert code_of(login(app, "patroller", PASSWORD, bad)) == "200"


def test_the_lock_tells_when_to_come_back(app: Flask, person: Person) -> None:
    token = person.enrol()["device_token"]
    for _ in range(5):
        login(app, "head", WRONG, token)
    answer = login(app, "head", PASSWORD, token)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert answer.json["seconds"] == int(answer.headers["Retry-After"])


@pytest.mark.parametrize("written", ["head ", " HEAD", "Head"])
def test_another_way_to_write_a_name_is_the_same_name(app: Flask, person: Person, written: str) -> None:
    token = person.enrol()["device_token"]
    for _ in range(5):
        login(app, "head", WRONG, token)
    assert code_of(login(app, written, PASSWORD, token)) == "too_many_tries"


def test_a_name_that_does_not_exist_is_locked_alike(app: Flask, person: Person) -> None:
    token = person.enrol()["device_token"]
    seen = [[code_of(login(app, name, WRONG, token)) for _ in range(7)] for name in ("head", "nobody")]
    assert seen[0] == seen[1]


def test_a_missing_device_is_told_before_any_password_is_looked_at(app: Flask) -> None:
    client = app.test_client()
    answers = [client.post("/api/v1/login", json={"username": "head", "password": word}).json["code"] for word in (WRONG, PASSWORD)]
    assert answers == ["device_unknown", "device_unknown"]


def test_a_revoked_device_is_told_before_any_password_is_looked_at(app: Flask, person: Person) -> None:
    device = person.enrol()
    with app.app_context(), unit() as session:
        service.revoke_device(session, AT, "test", device["device_id"])
    assert [code_of(login(app, "head", word, device["device_token"])) for word in (WRONG, PASSWORD)] == ["device_revoked"] * 2


def test_a_blocked_user_hears_the_same_as_a_wrong_password(app: Flask, person: Person) -> None:
    token = person.enrol()["device_token"]
    with app.app_context(), unit() as session:
        session.query(User).filter_by(username="head").update({"active": False})
    assert code_of(login(app, "head", PASSWORD, token)) == "login_failed"


def test_a_morning_of_mistakes_behind_one_address_locks_nobody_else(app: Flask, person: Person) -> None:
    tokens = [person.enrol()["device_token"] for _ in range(8)]
    for token in tokens:
        for _ in range(5):
            login(app, "head", WRONG, token)
    assert code_of(login(app, "patroller", PASSWORD, person.enrol()["device_token"])) == "200"
    assert code_of(login(app, "operator", PASSWORD)) == "200"


def spend(app: Flask, at: int, count: int, address: str, names: Callable[[int], str]) -> list[str]:
    """Wrong tries straight at the service; what each of them was told."""
    told = []
    for index in range(count):
        try:
            with app.app_context(), unit() as session:
                tries.take(session, app.extensions["xunan"], at, tries.Try(names(index), None, address))
            told.append("counted")
        except Exception as error:
            told.append(str(error))
    return told


def test_an_address_has_a_much_higher_ceiling_that_leaks_away(app: Flask) -> None:
    most = app.extensions["xunan"].login_tries_max * tries.CEILING_TIMES
    assert spend(app, AT, most, "10.0.0.1", lambda n: f"name{n}") == ["counted"] * most
    assert spend(app, AT, 1, "10.0.0.1", lambda n: "other") == ["too_many_tries"]
    assert spend(app, AT, 1, "10.0.0.2", lambda n: "other") == ["counted"]
    assert spend(app, AT + MINUTE_MS, 1, "10.0.0.1", lambda n: "other") == ["counted"]


def test_one_name_tried_from_everywhere_without_a_device_has_a_ceiling_too(app: Flask) -> None:
    most = app.extensions["xunan"].login_tries_max * tries.CEILING_TIMES
    told = [spend(app, AT, 1, f"10.0.{n}.1", lambda _: "head")[0] for n in range(most + 1)]
    assert told == ["counted"] * most + ["too_many_tries"]
    with app.app_context(), unit() as session:
        tries.take(session, app.extensions["xunan"], AT, tries.Try("head", "d_known", "10.9.9.9"))


def test_addresses_of_one_ipv6_subscriber_count_as_one() -> None:
    one, same, other = (tries.network_of(text) for text in ("2001:db8:1:2::5", "2001:db8:1:2:ffff::1", "2001:db8:1:3::5"))
    assert one == same != other
    assert tries.network_of("10.1.2.3") == "10.1.2.3"
    assert tries.network_of("::ffff:10.1.2.3") == "10.1.2.3"
    assert tries.network_of("unknown") == "unknown"


def test_the_wait_doubles_and_is_forgotten_after_a_day(app: Flask) -> None:
    waits = []
    at = AT
    for _ in range(3):
        while True:
            try:
                with app.app_context(), unit() as session:
                    tries.take(session, app.extensions["xunan"], at, tries.Try("head", "d_a", "10.0.0.1"))
            except Exception as error:
                waits.append(error.extra["seconds"])
                at += waits[-1] * 1000
                break
    assert waits == [60, 120, 240]
    assert spend(app, at + 25 * 3_600_000, 4, "10.0.0.1", lambda _: "head") == ["counted"] * 4


def test_many_guesses_at_once_are_not_more_guesses(app: Flask, person: Person) -> None:
    token = person.enrol()["device_token"]
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: code_of(login(app, "head", WRONG, token)), range(16)))
    assert sorted(told) == ["login_failed"] * 5 + ["too_many_tries"] * 11


def test_a_good_sign_in_does_not_forgive_the_address(app: Flask) -> None:
    spend(app, AT, 4, "10.0.0.1", lambda n: f"name{n}")
    good = tries.Try("head", None, "10.0.0.1")
    with app.app_context():
        with unit() as session:
            tries.take(session, app.extensions["xunan"], AT, good)
        with unit() as session:
            tries.forgive(session, good)
        assert [db.session.get(LoginTry, key).count for key in good.ceilings] == [4, 0]
        assert db.session.get(LoginTry, good.pair_key) is None


def test_wrong_codes_of_one_handheld_do_not_lock_the_enrolment_of_others(app: Flask, person: Person) -> None:
    client = app.test_client()
    assert {client.post("/api/v1/enrol", json={"code": f"WRNG-{n:04}"}).json["code"] for n in range(20)} == {"enrol_code_invalid"}
    assert client.post("/api/v1/enrol", json={"code": person.code()}).status_code == 200


@pytest.mark.parametrize(("proxies", "seen"), [(0, "127.0.0.1"), (1, "203.0.113.9")])
def test_a_forwarded_address_is_believed_only_from_trusted_proxies(app: Flask, tmp_path: Path, proxies: int, seen: str) -> None:
    behind = create_app(replace(app.extensions["xunan"], trusted_proxies=proxies))
    behind.testing = True
    login(behind, "nobody", WRONG, None, **{"X-Forwarded-For": "198.51.100.1, 203.0.113.9"})
    with behind.app_context():
        row = db.session.get(LoginTry, tries.Try("nobody", None, seen).address_key)
    assert row is not None
    assert row.count == 1


def test_tries_of_long_ago_are_forgotten(app: Flask) -> None:
    login(app, "head", WRONG)
    with app.app_context():
        last = db.session.query(LoginTry.last_at).order_by(LoginTry.last_at.desc()).first()[0]
        db.session.rollback()
        tries.prune(db.session(), last + tries.FORGET_MS)
        assert db.session.query(LoginTry).count() > 0
        db.session.rollback()
        tries.prune(db.session(), last + 2 * tries.FORGET_MS + 1)
        assert db.session.query(LoginTry).count() == 0


def test_a_wrong_password_leaves_a_trace_and_a_strange_name_only_its_keyed_hash(app: Flask, person: Person) -> None:
    device = person.enrol()
    for name in ("head", "张三不在此"):
        assert code_of(login(app, name, WRONG, device["device_token"])) == "login_failed"
    with app.app_context():
        rows = db.session.query(Audit).filter_by(action="login_failed").order_by(Audit.id).all()
        head = db.session.query(User.id).filter_by(username="head").scalar()
    assert [(row.actor, row.target, row.device) for row in rows] == [("", head, device["device_id"]), ("", None, device["device_id"])]
    assert ["tried" in row.detail for row in rows] == [False, True]
    assert "张三" not in str([row.detail for row in rows])
