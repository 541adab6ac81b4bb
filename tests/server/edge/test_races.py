"""Two at once: exactly one wins and the other hears why, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

from flask import Flask
from werkzeug.test import TestResponse

from tests.server.edge.people import PASSWORD, STATION_CODE, Person

AT_ONCE = 6


def race(ask: Callable[[int], TestResponse]) -> Counter[str]:
    """The answers of several requests that start together."""
    start = Barrier(AT_ONCE)

    def run(index: int) -> str:
        start.wait(timeout=30)
        answer = ask(index)
        return str(answer.json["code"] if answer.status_code >= 400 else answer.status_code)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return Counter(pool.map(run, range(AT_ONCE)))


def test_one_code_enrols_one_of_many_devices(app: Flask, person: Person) -> None:
    code = person.code()
    told = race(lambda _: app.test_client().post("/api/v1/enrol", json={"code": code}))
    assert told == {"200": 1, "enrol_code_invalid": AT_ONCE - 1}


def test_many_codes_enrol_many_devices_each_with_its_own_letter(app: Flask, person: Person) -> None:
    codes = [person.code() for _ in range(AT_ONCE)]
    assert race(lambda n: app.test_client().post("/api/v1/enrol", json={"code": codes[n]})) == {"200": AT_ONCE}


def test_a_user_signs_in_on_many_desks_at_once(app: Flask) -> None:
    body = {"username": "operator", "password": PASSWORD, "desk": True}
    app.extensions["xunan"] = replace(app.extensions["xunan"], login_tries_max=AT_ONCE + 1)
    app.test_client().post("/api/v1/login", json=body | {"password": "wrong-pass-1"})
    assert race(lambda _: app.test_client().post("/api/v1/login", json=body)) == {"200": AT_ONCE}


def test_two_wrong_sign_ins_at_once_are_both_only_wrong(app: Flask) -> None:
    body = {"username": "nobody", "password": PASSWORD, "desk": True}
    told = race(lambda _: app.test_client().post("/api/v1/login", json=body))
    assert told == {"login_failed": 5, "too_many_tries": AT_ONCE - 5}


def test_one_of_many_users_of_the_same_name_is_added(app: Flask, person: Person) -> None:
    admin = person("admin")
    names = ["Zhang.san", "zhang.san", "ZHANG.SAN", "zhang.San", "Zhang.San", "zhang.sAn"]
    told = race(lambda n: admin.call("POST", "/admin/users", json={"username": names[n], "name": "张三"}))
    assert told == {"201": 1, "already_used": AT_ONCE - 1}


def test_one_of_many_equal_posts_is_given(app: Flask, person: Person) -> None:
    admin, head = person("admin"), person("head")
    body = {"user_id": head.user_id, "role": "patroller", "station_code": STATION_CODE}
    assert race(lambda _: admin.call("POST", "/admin/posts", json=body)) == {"201": 1, "already_used": AT_ONCE - 1}
