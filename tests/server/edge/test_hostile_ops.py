"""Lines made to break the reader, and attempts to let one's own refused work through: siblings are stored, nothing leaks (P-22, P-40)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from flask import Flask
from sqlalchemy import select

from server.accounts import service
from server.accounts.models import Grant
from server.db import unit
from sync.stamp import chain
from tests.server.edge.people import AT, SCOPE, Client, Person

SECRET = "某某某"


def reg(value: object) -> dict[str, object]:
    return {"k": "reg", "v": value, "b": []}


def push(client: Client, *ops: dict[str, Any]) -> list[dict[str, Any]]:
    """Ops as raw JSON, whatever is in them; gives the verdicts."""
    first, prev, lines = client.n + 1, client.h, []
    for op in ops:
        client.n += 1
        line = orjson.dumps({"n": client.n, "at": "2026-11-22T05:10:33+08:00", "user": client.user_id, "scope": SCOPE, "kind": "hazard", **op})
        client.h = chain(client.h, line)
        lines.append(line)
    answer = client.sync(lines, first, prev)
    assert answer.status_code == 200, answer.json
    verdicts: list[dict[str, Any]] = answer.json["verdicts"]
    return verdicts


@pytest.mark.parametrize(
    "fields",
    [
        {"title": {"k": [], "v": 1}}, {"title": {"k": {}, "v": 1}}, {"scope": reg([SCOPE])}, {"scope": reg({"a": 1})},
        {"scope": reg(SCOPE), "cost": reg("1E+999999")}, {"scope": reg(SCOPE), "cost": reg("1E+900000")}, {"scope": reg(SCOPE), "found_at": reg("9999-12-31T23:59:59Z")},
    ],
)  # fmt: skip
def test_a_line_made_to_break_the_reader_stops_nobody(person: Person, fields: dict[str, Any]) -> None:
    client = person("patroller")
    good = {"scope": reg(SCOPE), "title": reg("好")}
    verdicts = push(client, {"rec": "0198-a", "f": good}, {"rec": "0198-b", "f": fields}, {"rec": "0198-c", "f": good})
    assert [each["v"] for each in verdicts][::2] == ["applied", "applied"]
    desk = person("operator")
    assert desk.call("GET", "/centre/quarantine").status_code == 200
    for path in ("/centre/list/hazard", "/centre/export/hazard.xlsx"):
        assert desk.call("POST", path, json={}).status_code == 200, path


def test_parents_that_are_no_list_break_no_page(person: Person) -> None:
    assert push(person("patroller"), {"rec": "0198-a", "f": {"title": {"k": "reg", "v": 1, "b": 5}}})[0]["v"] == "quarantined"
    assert person("operator").call("GET", "/centre/quarantine").status_code == 200


def test_a_head_sees_no_unreadable_line_of_another_station(person: Person) -> None:
    bad = {"rec": "0198-p", "kind": "person", "f": {"name": reg(SECRET), "x": {"k": "reg", "v": 1.5, "b": []}}}
    assert push(person("stranger"), bad)[0]["v"] == "quarantined"
    assert SECRET not in person("head").call("GET", "/centre/quarantine").get_data(as_text=True)


def test_nobody_lets_his_own_refused_work_through(person: Person, app: Flask) -> None:
    head, operator = person("head"), person("operator")
    refused = {"rec": "0198-s", "kind": "setting", "scope": "town", "f": {"scope": reg("town"), "key": reg("x"), "value": reg(1)}}
    assert push(head, refused)[0]["v"] == "quarantined"
    exposed = {"rec": "0198-q", "kind": "person", "scope": "town", "f": {"scope": reg("town"), "name": reg(SECRET)}}
    assert push(head, exposed)[0]["v"] == "quarantined"
    entries = {item["why"]: item["id"] for item in operator.call("GET", "/centre/quarantine").json["items"]}
    for entry in entries.values():
        assert head.call("POST", f"/centre/quarantine/{entry}/release").status_code in (403, 404)
    assert operator.call("POST", f"/centre/quarantine/{entries['bad_scope']}/release").status_code == 409
    assert operator.call("POST", f"/centre/quarantine/{entries['role_not_allowed']}/release").status_code == 200


def test_who_continues_another_devices_chain_is_named_in_the_history(person: Person) -> None:
    owner, thief = person("patroller"), person("head")
    push(owner, {"rec": "0198-a", "f": {"scope": reg(SCOPE), "title": reg("真")}})
    thief.dev, thief.n, thief.h = owner.dev, owner.n, owner.h
    push(thief, {"rec": "0198-a", "f": {"title": {"k": "reg", "v": "假", "b": []}}})
    items = person("operator").call("GET", "/centre/records/0198-a/history").json["items"]
    assert [item["user_name"] for item in items] == ["head", "patroller"]
    assert items[0]["dev"] == items[1]["dev"]
    assert items[0]["device"]["id"] != items[1]["device"]["id"]


def test_a_revoked_device_cannot_stand_in_anothers_way(app: Flask, person: Person) -> None:
    owner, thief = person("patroller"), person("head")
    push(owner, {"rec": "0198-a", "f": {"scope": reg(SCOPE), "title": reg("真")}})
    with app.app_context(), unit() as session:
        service.revoke_device(session, AT, "test", session.scalars(select(Grant.device_id).where(Grant.user_id == thief.user_id)).one())
    forged = [b'{"n":2,"rec":"0198-a","kind":"hazard","scope":"x","f":{},"at":"2026-11-22T05:10:33+08:00","user":"u"}']
    thief.dev, before = owner.dev, owner.n
    answer = thief.sync(forged, before + 1, owner.h).json
    assert (answer["fork"], answer["same_to"], answer["acked"]) == (True, before, before)
    assert push(owner, {"rec": "0198-a", "f": {"title": {"k": "reg", "v": "真二", "b": []}}})[0]["v"] in ("applied", "conflict")
