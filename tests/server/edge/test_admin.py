"""The administrator's endpoints: users, posts, devices, audit; each deed is audited, and a town keeps an administrator."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import validate
from sqlalchemy import select

from server.accounts.models import Audit, Post, User
from server.db import db
from server.ledger.write import append
from tests.server.edge.people import PASSWORD, STATION_CODE, Client, Person


@pytest.fixture
def admin(person: Person) -> Client:
    return person("admin")


def last_deeds(app: Flask, count: int) -> list[tuple[str, str | None]]:
    with app.app_context():
        done = select(Audit.action, Audit.target).where(Audit.action.not_like("%_refused"))
        rows = db.session.execute(done.order_by(Audit.id.desc()).limit(count)).tuples().all()
    return list(reversed(rows))


def id_of(app: Flask, username: str) -> str:
    with app.app_context():
        return db.session.scalars(select(User.id).where(User.username == username)).one()


def usernames(answer: Any) -> list[str]:
    return [each["username"] for each in answer.json["items"]]


def test_users_are_searched_and_paged(admin: Client) -> None:
    assert usernames(admin.call("POST", "/admin/users/list", json={})) == ["admin", "head", "operator", "patroller", "stranger"]
    second = admin.call("POST", "/admin/users/list", json={"page": 2, "size": 2})
    assert (second.json["total"], usernames(second)) == (5, ["operator", "patroller"])
    assert usernames(admin.call("POST", "/admin/users/list", json={"q": "HEA"})) == ["head"]
    assert usernames(admin.call("POST", "/admin/users/list", json={"q": "%"})) == []
    assert admin.call("POST", "/admin/users/list", json={"size": 100000}).json["code"] == "invalid"


def test_a_user_is_told_with_posts_and_sign_ins(app: Flask, admin: Client, person: Person) -> None:
    head = person("head")
    told = admin.call("GET", f"/admin/users/{head.user_id}").json
    assert (told["username"], told["active"], told["sessions"]) == ("head", True, 1)
    assert [(post["role"], post["station_code"]) for post in told["posts"]] == [("head", STATION_CODE)]
    assert told["last_login"] > 0
    assert "pw_hash" not in told
    assert admin.call("GET", "/admin/users/u_nobody").json["code"] == "not_found"


def test_a_user_is_added_and_renamed(app: Flask, admin: Client) -> None:
    made = admin.call("POST", "/admin/users", json={"username": "Wang.Wu", "name": "王五"})
    user = made.json["id"]
    assert last_deeds(app, 2) == [("password_set", user), ("user_added", user)]
    told = admin.call("PATCH", f"/admin/users/{user}", json={"name": "王武"}).json
    assert (told["username"], told["name"]) == ("wang.wu", "王武")
    assert admin.call("PATCH", f"/admin/users/{user}", json={"username": "HEAD"}).json["code"] == "already_used"
    assert admin.call("PATCH", f"/admin/users/{user}", json={}).json["code"] == "invalid"
    assert admin.call("PATCH", f"/admin/users/{user}", json={"name": "  "}).json["code"] == "invalid"
    assert last_deeds(app, 1) == [("user_renamed", user)]
    with app.app_context():
        assert "王" not in str(list(db.session.scalars(select(Audit.detail))))


def test_a_blocked_user_is_out_and_an_unblocked_one_signs_in_anew(app: Flask, admin: Client, person: Person) -> None:
    head = person("head")
    told = admin.call("POST", f"/admin/users/{head.user_id}/block").json
    assert (told["active"], told["sessions"]) == (False, 0)
    assert last_deeds(app, 2) == [("user_blocked", head.user_id), ("sessions_ended", head.user_id)]
    assert head.call("GET", "/me").status_code == 401
    assert usernames(admin.call("POST", "/admin/users/list", json={"state": "blocked"})) == ["head"]
    assert admin.call("POST", f"/admin/users/{head.user_id}/unblock").json["active"] is True
    assert last_deeds(app, 1) == [("user_unblocked", head.user_id)]
    assert head.call("GET", "/me").status_code == 401
    assert person("head").call("GET", "/me").status_code == 200


def test_a_new_password_ends_every_sign_in(app: Flask, admin: Client, person: Person) -> None:
    head = person("head")
    given = admin.call("POST", f"/admin/users/{head.user_id}/password").json
    assert admin.call("GET", f"/admin/users/{head.user_id}").json["sessions"] == 0
    assert head.call("GET", "/me").status_code == 401
    assert last_deeds(app, 2) == [("password_set", head.user_id), ("sessions_ended", head.user_id)]
    codes = [
        app.test_client().post("/api/v1/login", json={"username": "head", "password": word, "desk": True}).status_code
        for word in (PASSWORD, given["password"])
    ]
    assert codes == [401, 200]


def test_sign_ins_are_ended_on_every_device(app: Flask, admin: Client, person: Person) -> None:
    first, second = person("head"), person("head")
    assert admin.call("POST", f"/admin/users/{first.user_id}/end-sessions").json["sessions"] == 0
    assert [each.call("GET", "/me").status_code for each in (first, second)] == [401, 401]
    assert last_deeds(app, 1) == [("sessions_ended", first.user_id)]


def test_posts_are_given_listed_and_ended(app: Flask, admin: Client) -> None:
    user = id_of(app, "stranger")
    post = admin.call("POST", "/admin/posts", json={"user_id": user, "role": "head", "station_code": STATION_CODE}).json["id"]
    listed = admin.call("GET", f"/admin/posts?user_id={user}").json
    assert [(each["role"], each["station_code"]) for each in listed["items"]] == [("head", STATION_CODE), ("patroller", "310199101008")]
    assert admin.call("GET", f"/admin/posts?station_code={STATION_CODE}&role=head").json["total"] == 2
    assert admin.call("DELETE", f"/admin/posts/{post}").json == {"done": True}
    assert last_deeds(app, 2) == [("post_added", user), ("post_ended", user)]
    assert admin.call("GET", f"/admin/posts?user_id={user}").json["total"] == 1
    assert admin.call("GET", f"/admin/posts?user_id={user}&current=false").json["total"] == 2
    assert admin.call("DELETE", "/admin/posts/99999999999").json["code"] == "not_found"


@pytest.mark.parametrize(
    "body",
    [{"role": "head"}, {"role": "admin", "station_code": STATION_CODE}, {"role": "king"}, {"role": "head", "station_code": "7"}],
)
def test_a_post_that_makes_no_sense_is_refused(app: Flask, admin: Client, body: dict[str, str]) -> None:
    assert admin.call("POST", "/admin/posts", json={"user_id": id_of(app, "head")} | body).json["code"] == "invalid"


def test_the_last_administrator_stays(app: Flask, admin: Client, person: Person) -> None:
    with app.app_context():
        post = db.session.scalars(select(Post.id).where(Post.role == "admin")).one()
    assert admin.call("POST", f"/admin/users/{admin.user_id}/block").json["code"] == "conflict"
    assert admin.call("DELETE", f"/admin/posts/{post}").json["code"] == "conflict"
    assert admin.call("GET", "/me").status_code == 200
    head = person("head")
    admin.call("POST", "/admin/posts", json={"user_id": head.user_id, "role": "admin"})
    assert head.call("POST", f"/admin/users/{admin.user_id}/block").json["active"] is False
    assert head.call("POST", f"/admin/users/{head.user_id}/block").json["code"] == "conflict"


def test_devices_are_searched_and_revoked(app: Flask, admin: Client, person: Person) -> None:
    device = person.enrol()
    found = admin.call("GET", f"/admin/devices?q={device['letter'].lower()}").json
    assert [(each["id"], each["station_code"]) for each in found["items"]] == [(device["device_id"], STATION_CODE)]
    assert "token_hash" not in found["items"][0]
    assert "secret" not in found["items"][0]
    assert admin.call("POST", f"/admin/devices/{device['device_id']}/revoke").json == {"done": True}
    assert last_deeds(app, 1) == [("device_revoked", device["device_id"])]
    assert admin.call("GET", "/admin/devices?state=revoked").json["total"] == 1
    assert admin.call("POST", "/admin/devices/d_none/revoke").json["code"] == "not_found"


def test_a_head_makes_codes_only_for_a_station_he_heads(admin: Client, person: Person) -> None:
    head = person("head")
    other = "310199101008"
    admin.call("POST", "/admin/posts", json={"user_id": head.user_id, "role": "patroller", "station_code": other})
    asked = [head.call("POST", "/admin/device-codes", json={"name": "H", "station_code": code}).status_code for code in (STATION_CODE, other, None)]
    assert asked == [201, 403, 403]


def test_the_audit_log_is_filtered_by_who_what_and_when(app: Flask, admin: Client, person: Person) -> None:
    head = person("head")
    admin.call("POST", f"/admin/users/{head.user_id}/end-sessions")
    ask = lambda query: admin.call("GET", f"/admin/audit?{query}").json  # noqa: E731
    mine = ask(f"actor={admin.user_id}&action=sessions_ended")
    assert [(each["actor_name"], each["target_name"], each["detail"]) for each in mine["items"]] == [("admin", "head", {"count": 1})]
    assert ask(f"target={head.user_id}&action=user_added")["total"] == 1
    at = mine["items"][0]["at"]
    assert ask(f"action=sessions_ended&since={at}&until={at + 1}")["total"] == 1
    assert ask(f"action=sessions_ended&until={at}")["total"] == 0
    everything = ask("size=200")
    assert everything["total"] == len(everything["items"])
    assert [each["id"] for each in ask("page=2&size=3")["items"]] == [each["id"] for each in everything["items"][3:6]]


def test_the_audit_log_names_the_stations_it_speaks_of(app: Flask, admin: Client) -> None:
    line = next(each for each in admin.call("GET", "/admin/audit?action=post_added").json["items"] if each["detail"]["station"])
    assert line["names"] == {}
    fields = {name: {"k": "reg", "v": value, "b": []} for name, value in (("code", line["detail"]["station"]), ("name", "第七居委会"))}
    with app.app_context():
        append(db.session(), admin.user_id, [{"rec": "0199c0de00000000000000ac", "kind": "station", "scope": "town", "f": fields}])
        db.session.remove()
    again = next(each for each in admin.call("GET", "/admin/audit?action=post_added").json["items"] if each["id"] == line["id"])
    assert again["names"] == {line["detail"]["station"]: "第七居委会"}


def test_every_refusal_in_the_document_has_an_example(app: Flask) -> None:
    document = app.test_client().get("/api/v1/openapi.json").json
    validate(document)
    checked = 0
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for status, response in operation["responses"].items():
                if not status.startswith(("4", "5")):
                    continue
                examples = response["content"]["application/problem+json"]["examples"]
                assert examples, (method, path, status)
                for code in examples:
                    value = document["components"]["examples"][code]["value"]
                    assert (str(value["status"]), value["code"]) == (status, code)
                    assert "{" not in value["detail"]
                    checked += 1
    assert checked > 200


def test_commands_say_refusals_in_plain_words(app: Flask) -> None:
    runner = app.test_cli_runner()
    last = runner.invoke(args=["user", "deactivate", "admin"])
    assert (last.exit_code, "last administrator" in last.output) == (1, True)
    assert runner.invoke(args=["user", "deactivate", "Head"]).exit_code == 0
    assert last_deeds(app, 2)[0] == ("user_blocked", id_of(app, "head"))
    assert runner.invoke(args=["user", "activate", "head"]).exit_code == 0
    taken = runner.invoke(args=["user", "add", "head", "站长"])
    assert (taken.exit_code, "Already used" in taken.output) == (1, True)
    given = runner.invoke(args=["user", "password", "head"]).output.strip()
    assert app.test_client().post("/api/v1/login", json={"username": "head", "password": given, "desk": True}).json["todo"] == ["password"]
    assert runner.invoke(args=["user", "reset-factor", "head"]).exit_code == 0
