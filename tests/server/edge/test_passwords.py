"""Passwords: what everybody would try is refused, and a user changes his own (ASVS V6.2)."""

from __future__ import annotations

import pytest
from flask import Flask

from server.accounts.passwords import is_weak
from tests.server.edge.people import PASSWORD, Person

FRESH = "tide-and-seawall-73"


@pytest.mark.parametrize(
    "password",
    [
        "short1", "onlyletters", "1234567890", "password123", "Password2026", "qwerty12345", "abc1234567", "a123456789", "woaini1314520",
        "admin@123456", "Xunan123456", "1qazwsx1qazwsx", "zhang20011231", "aaaaaaaaa1", "ababab1212", "mima888888", "qwertyuiop1",
    ],
)  # fmt: skip
def test_what_everybody_would_try_is_weak(password: str) -> None:
    assert is_weak(password)


@pytest.mark.parametrize("password", [PASSWORD, FRESH, "海塘 tide 7 月 23", "correct-horse-battery-9", "x" * 60 + "kluft7", "story-pass-2026", "xunan-demo-2026"])
def test_what_nobody_would_is_taken(password: str) -> None:
    assert not is_weak(password)


def test_the_user_name_in_it_is_weak() -> None:
    assert is_weak("my-Wang.Wu-7314", ("wang.wu",))
    assert not is_weak("my-Wang.Wu-7314", ("li",))


def test_a_user_changes_his_own_password_and_only_this_sign_in_stays(app: Flask, person: Person) -> None:
    here, elsewhere = person("patroller"), person("patroller")
    assert here.call("POST", "/password", json={"old": "wrong-guess-1", "new": FRESH}).json["code"] == "login_failed"
    assert here.call("POST", "/password", json={"old": PASSWORD, "new": "password123"}).json["code"] == "password_weak"
    assert here.call("POST", "/password", json={"old": PASSWORD, "new": "patroller-7314"}).json["code"] == "password_weak"
    assert here.call("POST", "/password", json={"old": PASSWORD, "new": FRESH}).json == {"ended": 1}
    assert here.call("GET", "/me").status_code == 200
    assert elsewhere.call("GET", "/me").status_code == 401
    assert here.call("POST", "/password", json={"old": PASSWORD, "new": FRESH + "x"}).json["code"] == "login_failed"


def test_guessing_the_old_password_is_counted_like_a_sign_in(app: Flask, person: Person) -> None:
    client = person("patroller")
    codes = [client.call("POST", "/password", json={"old": f"guess-number-{n}", "new": FRESH}).json["code"] for n in range(7)]
    assert codes[0] == "login_failed"
    assert codes[-1] == "too_many_tries"
