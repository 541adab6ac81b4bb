"""Who may no longer receive may still deliver (P-40, P-20): sign-ins that ran out or were closed, blocked users, revoked devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text, update

from server.accounts import service
from server.accounts.models import Device, Grant, Post, User
from server.db import db, unit
from tests.server.edge.people import AT, PASSWORD, SCOPE, Client, Person


def reg(value: object) -> dict[str, object]:
    return {"k": "reg", "v": value, "b": []}


def hazard(client: Client, rec: str) -> bytes:
    return client.line(rec, {"scope": reg(SCOPE), "title": reg("裂缝")})


def run_out(client: Client) -> None:
    db.session().execute(update(Grant).where(Grant.user_id == client.user_id).values(expires_at=AT))


def close(client: Client) -> None:
    db.session().execute(update(Grant).where(Grant.user_id == client.user_id).values(revoked_at=AT))


def block(client: Client) -> None:
    db.session().execute(update(User).where(User.id == client.user_id).values(active=False))


def end_posts(client: Client) -> None:
    db.session().execute(update(Post).where(Post.user_id == client.user_id).values(valid_to=AT + 1))


def revoke(client: Client) -> None:
    service.revoke_device(db.session(), AT, "test", db.session().scalars(select(Grant.device_id).where(Grant.user_id == client.user_id)).one())


ENDINGS: dict[str, tuple[Callable[[Client], None], dict[str, Any]]] = {
    "run_out": (run_out, {"n": 2, "v": "applied"}),
    "closed": (close, {"n": 2, "v": "applied"}),
    "blocked": (block, {"n": 2, "v": "quarantined", "why": "scope_revoked"}),
    "without_post": (end_posts, {"n": 2, "v": "quarantined", "why": "scope_revoked"}),
    "device_revoked": (revoke, {"n": 2, "v": "quarantined", "why": "device_revoked"}),
}


@pytest.mark.parametrize("token", ["grant", "device"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_earlier_work_is_kept_and_nothing_is_given(app: Flask, person: Person, ending: str, token: str) -> None:
    client, colleague = person("patroller"), person("head")
    first = hazard(client, "0198-a")
    h1 = client.h
    assert client.sync([first], 1, "00000000").json["verdicts"] == [{"n": 1, "v": "applied"}]
    late = hazard(client, "0198-b")
    theirs = colleague.line("0198-secret", {"scope": reg(SCOPE), "title": reg("新情况")})
    assert colleague.sync([theirs], 1, "00000000").json["acked"] == 1
    end, verdict = ENDINGS[ending]
    with app.app_context(), unit():
        end(client)
    if token == "device":
        client.token = client.device_token
    answer = client.sync([late], 2, h1)
    assert answer.status_code == 200, answer.json
    assert answer.json["acked"] == 2
    assert answer.json["verdicts"] == [verdict]
    assert answer.json["records"] == []
    assert SCOPE not in answer.json["scopes"]["granted"]
    assert client.call("GET", f"/snapshots/{SCOPE}").status_code in (401, 403, 404)
    with app.app_context():
        kept = db.session.execute(text("SELECT n FROM op_log WHERE dev = :dev ORDER BY n"), {"dev": client.dev}).scalars().all()
    assert list(kept) == [1, 2]


@pytest.mark.parametrize("ending", ["run_out", "closed", "blocked"])
def test_an_ended_sign_in_is_asked_to_sign_in_everywhere_else(app: Flask, person: Person, ending: str) -> None:
    client = person("head")
    with app.app_context(), unit():
        ENDINGS[ending][0](client)
    for path in ("/me", "/snapshots", "/centre/overview", "/live"):
        answer = client.call("GET", path)
        assert (answer.status_code, answer.json["code"]) == (401, "login_required"), path


def test_signing_in_again_gives_everything_back(app: Flask, person: Person) -> None:
    client = person("patroller")
    client.sync([hazard(client, "0198-a")], 1, "00000000")
    with app.app_context(), unit():
        run_out(client)
    bearer = {"Authorization": f"Bearer {client.device_token}"}
    again = app.test_client().post("/api/v1/login", json={"username": "patroller", "password": PASSWORD}, headers=bearer)
    client.token = again.json["grant_token"]
    assert [each["id"] for each in client.sync([], 2, client.h).json["records"]] == ["0198-a"]


def test_a_colleague_on_the_same_handheld_goes_on_receiving(app: Flask, person: Person) -> None:
    client = person("patroller")
    client.sync([hazard(client, "0198-a")], 1, "00000000")
    bearer = {"Authorization": f"Bearer {client.device_token}"}
    colleague = app.test_client().post("/api/v1/login", json={"username": "head", "password": PASSWORD}, headers=bearer)
    with app.app_context(), unit():
        block(client)
    client.token = colleague.json["grant_token"]
    assert [each["id"] for each in client.sync([], 2, client.h).json["records"]] == ["0198-a"]


def test_revoking_twice_keeps_the_first_moment(app: Flask, person: Person) -> None:
    device = person.enrol()["device_id"]
    with app.app_context():
        for at in (AT, AT + 5):
            with unit() as session:
                service.revoke_device(session, at, "test", device)
        assert db.session.get(Device, device).revoked_at == AT
