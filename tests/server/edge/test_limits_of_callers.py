"""What no caller may do to the others: read people through a desk's sync, grow the metrics, break the catch-all, tear a decision."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from server.accounts import audit
from server.centre.masking import HIDDEN
from server.db import db
from sync.stamp import GENESIS
from tests.server.edge.people import PASSWORD, SCOPE, Client, Person


def reg(value: object) -> dict[str, object]:
    return {"k": "reg", "v": value, "b": []}


def desk_of(app: Flask, username: str) -> Client:
    answer = app.test_client().post("/api/v1/login", json={"username": username, "password": PASSWORD, "desk": True}).json
    return Client(app, answer["device_token"], answer["grant_token"], answer["user"]["id"], "d" * 16)


def test_people_do_not_come_down_to_a_desk_by_sync(app: Flask, person: Person) -> None:
    writer = person("patroller")
    writer.sync([writer.line("0198-p", {"scope": reg(SCOPE), "name": reg("张三丰")}, "person")], 1, GENESIS)
    desk = desk_of(app, "operator")
    answer = desk.sync([], 1, GENESIS).json
    assert (answer["records"], answer["scopes"]["granted"]) == ([], ["town"])
    assert [each["scope"] for each in desk.call("GET", "/snapshots").json["scopes"]] in ([], ["town"])
    assert desk.call("GET", f"/snapshots/{SCOPE}").status_code == 404
    shown = desk.call("POST", "/centre/list/person", json={}).get_data(as_text=True)
    assert "张**" in shown
    assert "张三丰" not in shown


def test_what_a_newer_app_wrote_about_a_person_is_hidden(person: Person) -> None:
    writer = person("patroller")
    writer.sync([writer.line("0198-p", {"scope": reg(SCOPE), "name": reg("张三丰"), "nickname": reg("三疯")}, "person")], 1, GENESIS)
    shown = person("operator").call("GET", "/centre/records/0198-p/history").get_data(as_text=True)
    assert HIDDEN in shown
    assert "三疯" not in shown


def test_a_decision_and_its_audit_line_are_one(app: Flask, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = person("patroller")
    writer.sync([writer.line("0198-h", {"scope": reg(SCOPE), "title": reg([1])})], 1, GENESIS)
    with app.app_context():
        entry = db.session.execute(text("SELECT MAX(id) FROM quarantine")).scalar_one()

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("audit")

    desk = person("operator")
    with monkeypatch.context() as patched:
        patched.setattr(audit, "note", broken)
        app.config["PROPAGATE_EXCEPTIONS"] = False
        assert desk.call("POST", f"/centre/quarantine/{entry}/keep").status_code == 500
    with app.app_context():
        assert db.session.execute(text("SELECT state FROM quarantine WHERE id = :id"), {"id": entry}).scalar_one() == "open"


def test_a_method_nobody_heard_of_is_no_label(app: Flask) -> None:
    client = app.test_client()
    client.open("/healthz", method="INVENTED7")
    assert "INVENTED7" not in client.get("/metrics").get_data(as_text=True)


def test_a_name_longer_than_a_file_system_takes_is_not_found(app: Flask) -> None:
    assert app.test_client().get("/" + "a" * 400).status_code == 404
