"""Passwords: what everybody would try is refused, and a user changes his own (ASVS V6.2)."""

from __future__ import annotations

import itertools
import secrets

import pytest
from flask import Flask

from server.accounts.hashing import new_password
from server.accounts.passwords import is_weak
from tests.server.edge.people import PASSWORD, Person

FRESH = "tide-and-seawall-73"


@pytest.mark.parametrize(
    "password",
    [
        "short1", "onlyletters", "1234567890", "password123", "Password2026", "qwerty12345", "abc1234567", "a123456789", "woaini1314520",
        # Leaked, and what is done with leaked ones.
        "p@ssw0rd2024", "michael1987", "starwars1977", "liverpool11", "1q2w3e4r5t", "zaq12wsxcde3", "qwe123qwe123", "sunshine2020!", "samsung123", "letmein123",
        "Huawei12#$", "a5201314520", "chongming2026", "fangxun2026", "juwei20261", "xiaoming123", "woshishui1",
        "admin@123456", "Xunan123456", "1qazwsx1qazwsx", "zhang20011231", "aaaaaaaaa1", "ababab1212", "mima888888", "qwertyuiop1",
    ],
)  # fmt: skip
def test_what_everybody_would_try_is_weak(password: str) -> None:
    assert is_weak(password)


@pytest.mark.parametrize("password", [PASSWORD, FRESH, "海塘 tide 7 月 23", "correct-horse-battery-9", "x" * 60 + "kluft7", "story-pass-2026", "xunan-demo-2026"])
def test_what_nobody_would_is_taken(password: str) -> None:
    assert not is_weak(password)


def test_what_can_be_split_into_numbers_in_many_ways_is_judged_at_once() -> None:
    assert not is_weak("x" + "1314520" * 27 + "74")
    assert is_weak("x" + "1314520" * 27)


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


def test_a_first_password_is_one_the_rule_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of random letters too some are taken for common ones: whoever adds a user must not be refused for what the server chose."""
    letters = itertools.chain("c6t9y44b8c6z", "abcq7xk2pmr9", "kq7mx2vp9rtd")
    monkeypatch.setattr(secrets, "choice", lambda _letters: next(letters))
    assert new_password("abcq") == "kq7m-x2vp-9rtd"
