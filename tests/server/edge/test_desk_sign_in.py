"""Who signs in at a desk and how sign-ins end (ADR 0020): second factor, first passwords, idle and absolute ends, one's own sign-ins."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from flask import Flask
from sqlalchemy import select, text, update
from werkzeug.test import TestResponse

from server.accounts.models import Audit, EnrolCode, Grant, SecondFactor, User
from server.db import db, unit
from server.ledger import clock
from server.ledger.reseal import reseal
from server.seal import MARK, seal
from tests.server.edge.people import PASSWORD, Client, Person

STEP_MS = 30_000
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
OWN = "tide-and-seawall-73"


class Watch:
    """The server's clock, moved by hand."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        # Half-way through a step, so that no test lives on its edge.
        self.at = clock.now_ms() // STEP_MS * STEP_MS + STEP_MS // 2
        for room in ("accounts.routes", "accounts.own_routes", "accounts.admin_routes", "accounts.calling", "web.refusals", "web.sync_routes"):
            patch.setattr(f"server.{room}.now_ms", lambda: self.at)

    def forward(self, ms: int) -> None:
        self.at += ms


@pytest.fixture
def watch(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


@pytest.fixture
def strict(app: Flask) -> Flask:
    """A town whose desks all need a second factor."""
    app.extensions["xunan"] = replace(app.extensions["xunan"], desk_second_factor="all")
    return app


def login(app: Flask, username: str, password: str = PASSWORD, code: str | None = None, token: str | None = None) -> TestResponse:
    body: dict[str, Any] = {"username": username, "password": password, "desk": token is None} | ({"code": code} if code else {})
    return app.test_client().post("/api/v1/login", json=body, headers={"Authorization": f"Bearer {token}"} if token else {})


def client_of(app: Flask, answer: TestResponse, device_token: str = "") -> Client:
    assert answer.status_code == 200, answer.json
    body = answer.json
    return Client(app, body["device_token"] or device_token, body["grant_token"], body["user"]["id"], "a" * 16)


def desk(app: Flask, username: str, **more: Any) -> Client:
    return client_of(app, login(app, username, **more))


def totp(secret: str) -> Callable[[int], str]:
    made = TOTP(base64.b32decode(secret), 6, SHA1(), 30)
    return lambda at: made.generate(at // 1000).decode()


def enrol_factor(client: Client, watch: Watch) -> tuple[Callable[[int], str], list[str]]:
    begun = client.call("POST", "/second-factor/begin", json={}).json
    assert f"secret={begun['secret']}" in begun["qr"]
    codes = totp(begun["secret"])
    answer = client.call("POST", "/second-factor/confirm", json={"code": codes(watch.at)})
    assert answer.status_code == 200, answer.json
    watch.forward(STEP_MS)
    return codes, answer.json["codes"]


def code_of(answer: TestResponse) -> str:
    return str((answer.json or {}).get("code", answer.status_code))


def deeds(app: Flask, user_id: str) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(Audit.action).where(Audit.target == user_id).order_by(Audit.id)))


# ---- the second factor


def test_a_desk_without_a_second_factor_reaches_nothing_but_its_enrolment(strict: Flask, watch: Watch) -> None:
    client = desk(strict, "operator")
    assert client.call("GET", "/me").json["todo"] == ["factor"]
    refused = client.call("GET", "/centre/overview")
    assert (refused.status_code, code_of(refused), refused.json["todo"]) == (403, "setup_required", ["factor"])
    pulled = client.sync([], 1, "00000000").json
    assert (pulled["push_only"], pulled["records"]) == (True, [])
    _, recovery = enrol_factor(client, watch)
    assert len(set(recovery)) == 8
    assert client.call("GET", "/centre/overview").status_code == 200
    assert client.call("GET", "/second-factor").json == {"on": True, "due": True, "since": watch.at - STEP_MS, "recovery_left": 8}


@pytest.mark.parametrize(("policy", "asked"), [("off", {"admin": [], "operator": []}), ("admins", {"admin": ["factor"], "operator": []})])
def test_the_town_says_who_must_have_one(app: Flask, watch: Watch, policy: str, asked: dict[str, list[str]]) -> None:
    app.extensions["xunan"] = replace(app.extensions["xunan"], desk_second_factor=policy)
    assert {name: login(app, name).json["todo"] for name in asked} == asked


def test_a_handheld_is_a_factor_itself(strict: Flask, watch: Watch, person: Person) -> None:
    client = person("operator")
    assert client.call("GET", "/me").json["todo"] == []
    assert client.call("GET", "/centre/overview").status_code == 200


def test_a_code_opens_once_and_none_older_after_it(app: Flask, watch: Watch) -> None:
    codes, _ = enrol_factor(desk(app, "operator"), watch)
    assert code_of(login(app, "operator")) == "code_required"
    assert code_of(login(app, "operator", code=codes(watch.at))) == "200"
    assert code_of(login(app, "operator", code=codes(watch.at))) == "code_wrong"
    assert code_of(login(app, "operator", code=codes(watch.at - STEP_MS))) == "code_wrong"
    assert code_of(login(app, "operator", code=codes(watch.at + STEP_MS))) == "200"


def test_a_wrong_password_is_never_told_apart_by_its_code(app: Flask, watch: Watch) -> None:
    codes, _ = enrol_factor(desk(app, "operator"), watch)
    assert code_of(login(app, "operator", "wrong-pass-1", codes(watch.at))) == "login_failed"
    assert code_of(login(app, "operator", "wrong-pass-1")) == "login_failed"


def test_a_clock_that_is_slow_is_told_of_and_one_that_is_fast_only_while_enrolling(app: Flask, watch: Watch) -> None:
    client = desk(app, "operator")
    codes = totp(client.call("POST", "/second-factor/begin", json={}).json["secret"])
    for ms in (-5 * MINUTE_MS, 5 * MINUTE_MS):
        assert code_of(client.call("POST", "/second-factor/confirm", json={"code": codes(watch.at + ms)})) == "code_clock"
    assert client.call("POST", "/second-factor/confirm", json={"code": codes(watch.at)}).status_code == 200
    watch.forward(10 * MINUTE_MS)
    assert code_of(login(app, "operator", code=codes(watch.at - 5 * MINUTE_MS))) == "code_clock"
    # A guess that fits a later time must not be told that it will be worth something.
    assert code_of(login(app, "operator", code=codes(watch.at + 5 * MINUTE_MS))) == "code_wrong"


def test_codes_are_braked_for_the_user_wherever_he_tries(app: Flask, watch: Watch) -> None:
    codes, _ = enrol_factor(desk(app, "operator"), watch)
    wrong = next(code for code in ("000000", "111111", "222222") if code not in {codes(watch.at + n * STEP_MS) for n in range(-25, 25)})
    tokens = [desk(app, "head").device_token for _ in range(3)]
    told = [code_of(login(app, "operator", code=wrong, token=tokens[n % 3])) for n in range(6)]
    assert told == ["code_wrong"] * 5 + ["too_many_tries"]
    assert code_of(login(app, "operator", code=codes(watch.at))) == "too_many_tries"
    watch.forward(2 * MINUTE_MS)
    assert code_of(login(app, "operator", code=codes(watch.at), token=tokens[0])) == "200"
    assert "factor_failed" in deeds(app, desk(app, "operator", code=codes(watch.at + STEP_MS)).user_id)


def test_a_recovery_code_opens_once(app: Flask, watch: Watch) -> None:
    client = desk(app, "operator")
    _, recovery = enrol_factor(client, watch)
    assert code_of(login(app, "operator", code=recovery[0].lower().replace("-", " "))) == "200"
    assert code_of(login(app, "operator", code=recovery[0])) == "code_wrong"
    assert client.call("GET", "/second-factor").json["recovery_left"] == 7
    assert "recovery_used" in deeds(app, client.user_id)


def test_the_secret_lies_sealed_and_recovery_codes_hashed_slowly(app: Flask, watch: Watch) -> None:
    begun: list[str] = []
    client = desk(app, "operator")
    _, recovery = enrol_factor(client, watch)
    with app.app_context():
        row = db.session.get(SecondFactor, client.user_id)
        assert row is not None
        assert row.secret is not None
        assert row.secret.startswith(MARK)
        stored, text_of = row.secret, str(row.codes)
        assert not [code for code in recovery if code in text_of or code.replace("-", "") in text_of]
        assert all(re.fullmatch(r"[0-9a-f]{64}", each) for each in row.codes)
        # A new key in front of the ring reaches it (`flask reseal`).
        db.session.rollback()
        held = app.extensions["xunan"].data_keys
        seal.init((bytes(range(32)), *held))
        try:
            begun += [table for table, changed in reseal(db.session()) if table == "second_factor" and changed]
            anew = db.session.execute(text("SELECT secret FROM second_factor")).scalar_one()
            assert seal.is_current(bytes(anew))
            assert not seal.is_current(bytes(stored))
            seal.init((bytes(range(32)),))
            assert len(seal.open("column", f"second_factor:{client.user_id}", bytes(anew))) == 20
        finally:
            seal.init(held)
    assert begun == ["second_factor"]


def test_an_administrator_takes_a_lost_factor_away(app: Flask, watch: Watch) -> None:
    admin, client = desk(app, "admin"), desk(app, "operator")
    enrol_factor(client, watch)
    assert admin.call("GET", f"/admin/users/{client.user_id}").json["factor"] is True
    told = admin.call("POST", f"/admin/users/{client.user_id}/reset-factor").json
    assert (told["factor"], told["sessions"]) == (False, 0)
    assert code_of(login(app, "operator")) == "200"
    assert "factor_reset" in deeds(app, client.user_id)


def test_a_new_phone_is_confirmed_before_the_old_one_ends(app: Flask, watch: Watch) -> None:
    client = desk(app, "operator")
    old, _ = enrol_factor(client, watch)
    new = totp(client.call("POST", "/second-factor/begin", json={}).json["secret"])
    assert code_of(login(app, "operator", code=old(watch.at))) == "200"
    assert client.call("POST", "/second-factor/confirm", json={"code": new(watch.at)}).status_code == 200
    watch.forward(STEP_MS)
    assert code_of(login(app, "operator", code=old(watch.at))) == "code_wrong"
    assert code_of(login(app, "operator", code=new(watch.at))) == "200"


# ---- how long a sign-in holds


def test_an_idle_desk_is_locked_by_the_server_and_opened_by_the_password(app: Flask, watch: Watch) -> None:
    client = desk(app, "operator")
    for _ in range(3):
        watch.forward(14 * MINUTE_MS)
        assert client.call("POST", "/session/alive", json={}).status_code == 200
    watch.forward(14 * MINUTE_MS)
    assert client.call("GET", "/centre/overview").status_code == 200, "reading alone is no touch, and none is missing yet"
    watch.forward(3 * MINUTE_MS)
    for path in ("/centre/overview", "/me", "/sessions"):
        assert code_of(client.call("GET", path)) == "session_idle"
    assert code_of(client.call("POST", "/session/alive", json={})) == "session_idle", "no page wakes itself"
    pulled = client.sync([], 1, "00000000")
    assert (pulled.status_code, pulled.json["push_only"]) == (200, True)
    assert code_of(client.call("POST", "/session/confirm", json={"password": "wrong-pass-1"})) == "login_failed"
    assert client.call("POST", "/session/confirm", json={"password": PASSWORD}).status_code == 200
    assert client.call("GET", "/centre/overview").status_code == 200


def test_a_desk_ends_with_the_shift_and_a_handheld_does_not(app: Flask, watch: Watch, person: Person) -> None:
    client, handheld = desk(app, "operator"), person("head")
    for _ in range(60):
        watch.forward(12 * MINUTE_MS)
        client.call("POST", "/session/alive", json={})
    assert code_of(client.call("POST", "/session/alive", json={})) == "login_required"
    assert code_of(client.call("POST", "/session/confirm", json={"password": PASSWORD})) == "login_required"
    watch.forward(44 * 24 * HOUR_MS)
    assert handheld.call("GET", "/me").status_code == 200
    watch.forward(24 * HOUR_MS)
    assert code_of(handheld.call("GET", "/me")) == "login_required"


def test_signing_in_again_on_a_device_ends_the_former_sign_in(app: Flask, watch: Watch) -> None:
    first = desk(app, "operator")
    again = client_of(app, login(app, "operator", token=first.device_token), first.device_token)
    assert code_of(first.call("GET", "/me")) == "login_required"
    assert again.call("GET", "/me").status_code == 200


def test_a_fourth_desk_ends_the_oldest(app: Flask, watch: Watch, person: Person) -> None:
    handheld, clients = person("operator"), []
    for _ in range(4):
        clients.append(desk(app, "operator"))
        watch.forward(MINUTE_MS)
    assert [code_of(each.call("GET", "/me")) for each in clients] == ["login_required", "200", "200", "200"]
    assert handheld.call("GET", "/me").status_code == 200


# ---- before what signs in is changed


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/admin/users", {"username": "fresh", "name": "新"}), ("POST", "/admin/users/{head}/password", None),
        ("PATCH", "/admin/users/{head}", {"username": "chief"}), ("POST", "/admin/users/{head}/reset-factor", None),
        ("POST", "/second-factor/begin", {}), ("POST", "/sessions/end-others", {}),
        ("POST", "/admin/posts", {"user_id": "{head}", "role": "admin"}), ("POST", "/admin/users/{head}/unblock", None),
        ("POST", "/admin/device-codes", {"name": "甲", "station_code": None}),
    ],
)  # fmt: skip
def test_what_signs_in_is_changed_only_by_who_just_showed_it(app: Flask, watch: Watch, method: str, path: str, body: Any) -> None:
    admin = desk(app, "admin")
    codes, _ = enrol_factor(admin, watch)
    with app.app_context():
        head = db.session.scalars(select(User.id).where(User.username == "head")).one()
    watch.forward(6 * MINUTE_MS)

    def ask() -> TestResponse:
        filled = body and {name: head if value == "{head}" else value for name, value in body.items()}
        return admin.call(method, path.format(head=head), **({} if body is None else {"json": filled}))

    assert code_of(ask()) == "confirm_required"
    assert admin.call("POST", "/session/confirm", json={"password": PASSWORD}).status_code == 200
    assert code_of(ask()) == "confirm_required", "unlocking an idle desk is less"
    assert code_of(admin.call("POST", "/session/confirm", json={"password": PASSWORD, "whole": True})) == "code_required"
    assert admin.call("POST", "/session/confirm", json={"password": PASSWORD, "whole": True, "code": codes(watch.at)}).status_code == 200
    assert ask().status_code in (200, 201)


def test_a_name_is_changed_without_being_asked(app: Flask, watch: Watch) -> None:
    admin = desk(app, "admin")
    watch.forward(6 * MINUTE_MS)
    assert admin.call("PATCH", f"/admin/users/{admin.user_id}", json={"name": "系统管理员"}).status_code == 200


def test_a_new_password_of_ones_own_takes_the_code_too(app: Flask, watch: Watch) -> None:
    client = desk(app, "operator")
    codes, _ = enrol_factor(client, watch)
    assert code_of(client.call("POST", "/password", json={"new": OWN})) == "login_failed"
    assert code_of(client.call("POST", "/password", json={"old": PASSWORD, "new": OWN})) == "code_required"
    assert client.call("POST", "/password", json={"old": PASSWORD, "new": OWN, "code": codes(watch.at)}).status_code == 200


# ---- first passwords


def test_a_first_password_is_made_here_and_opens_only_its_own_change(app: Flask, watch: Watch, person: Person) -> None:
    admin = desk(app, "admin")
    given = admin.call("POST", "/admin/users", json={"username": "fresh", "name": "新"}).json
    assert re.fullmatch(r"([a-hjkmnp-z2-9]{4}-){2}[a-hjkmnp-z2-9]{4}", given["password"])
    admin.call("POST", "/admin/posts", json={"user_id": given["id"], "role": "operator"})
    assert admin.call("GET", f"/admin/users/{given['id']}").json["must_change"] is True
    handheld_token = person.enrol()["device_token"]
    for token in (None, handheld_token):
        client = client_of(app, login(app, "fresh", given["password"], token=token), token or "")
        assert client.call("GET", "/me").json["todo"] == ["password"]
        assert code_of(client.call("GET", "/centre/overview")) == "setup_required"
        assert client.sync([], 1, "00000000").json["push_only"] is True
    assert code_of(client.call("POST", "/password", json={"new": given["password"]})) == "password_weak"
    assert client.call("POST", "/password", json={"new": OWN}).json == {"ended": 1}
    assert client.call("GET", "/centre/overview").status_code == 200
    assert code_of(login(app, "fresh", OWN)) == "200"
    assert login(app, "fresh", OWN).json["todo"] == []


def test_a_first_password_runs_out(app: Flask, watch: Watch) -> None:
    admin = desk(app, "admin")
    given = admin.call("POST", "/admin/users", json={"username": "fresh", "name": "新"}).json
    assert given["until"] == watch.at + 72 * HOUR_MS
    watch.forward(72 * HOUR_MS)
    assert code_of(login(app, "fresh", given["password"])) == "password_expired"
    assert code_of(login(app, "fresh", "wrong-pass-1")) == "login_failed"


def test_two_first_passwords_are_never_the_same(app: Flask, watch: Watch) -> None:
    admin = desk(app, "admin")
    made = [admin.call("POST", "/admin/users", json={"username": f"fresh{n}", "name": "新"}).json["password"] for n in range(5)]
    assert len(set(made)) == 5


# ---- one's own sign-ins


def test_a_user_sees_and_ends_his_own_sign_ins_and_nobody_elses(app: Flask, watch: Watch, person: Person) -> None:
    here, phone, other = desk(app, "head"), person("head"), desk(app, "operator")
    told = here.call("GET", "/sessions").json["items"]
    assert [(each["kind"], each["current"]) for each in told] == [("desk", True), ("handheld", False)]
    assert all(each["since"] == watch.at and each["address"] == "127.0.0.1" for each in told)
    theirs = other.call("GET", "/sessions").json["items"][0]["id"]
    assert code_of(here.call("POST", f"/sessions/{theirs}/end", json={})) == "not_found"
    assert here.call("POST", f"/sessions/{told[1]['id']}/end", json={}).status_code == 200
    assert code_of(phone.call("GET", "/me")) == "login_required"
    assert other.call("GET", "/me").status_code == 200
    again = person("head")
    assert here.call("POST", "/sessions/end-others", json={}).json == {"ended": 1}
    assert code_of(again.call("GET", "/me")) == "login_required"
    assert [each["current"] for each in here.call("GET", "/sessions").json["items"]] == [True]


def test_a_sign_out_made_offline_is_told_later_and_only_of_that_device(app: Flask, watch: Watch, person: Person) -> None:
    phone, other = person("head"), person("head")
    with app.app_context():
        ids = [row[0] for row in db.session.execute(select(Grant.id).where(Grant.user_id == phone.user_id).order_by(Grant.created_at, Grant.id))]
    phone_ids = {each["id"]: each["current"] for each in phone.call("GET", "/sessions").json["items"]}
    mine = next(one for one, current in phone_ids.items() if current)
    bare = Client(app, phone.device_token, phone.device_token, phone.user_id, phone.dev)
    assert bare.call("POST", "/sessions/ended", json={"grants": ids}).json == {"ended": 1}
    assert code_of(phone.call("GET", "/me")) == "login_required"
    assert other.call("GET", "/me").status_code == 200
    assert bare.call("POST", "/sessions/ended", json={"grants": [mine]}).json == {"ended": 0}


def test_enrolment_codes_are_hashed_slowly_and_their_salt_is_not_beside_them(app: Flask, person: Person) -> None:
    code = person.code()
    with app.app_context(), unit() as session:
        kept = session.scalars(select(EnrolCode.code_hash).order_by(EnrolCode.expires_at.desc())).first()
        session.execute(update(EnrolCode).values(used_at=None))
    app.extensions["xunan"] = replace(app.extensions["xunan"], secret_key="y" * 40)
    other = app.test_client().post("/api/v1/enrol", json={"code": code})
    assert code_of(other) == "enrol_code_invalid", f"{kept}: another server's secret gives another hash"
