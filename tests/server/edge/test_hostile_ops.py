"""Lines made to break the reader, and attempts to let one's own refused work through: siblings are stored, nothing leaks (P-22, P-40)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from flask import Flask
from sqlalchemy import select

from server.accounts import service
from server.accounts.models import Grant, User
from server.db import db, unit
from server.ledger.verify import fold_anew
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


def test_no_other_kind_is_named_to_get_past_the_rights_of_a_record(person: Person) -> None:
    """A kind nobody knows is judged by no role (P-41): it must not be folded onto a record of a kind that is."""
    unknown = {"kind": "of_a_newer_version"}
    client, desk = person("patroller"), person("operator")
    made = {"rec": "0198-h", "f": {"scope": reg(SCOPE), "title": reg("隐患"), "status": reg("found")}}
    first, closing = push(client, made, {"rec": "0198-h", "f": {"status": reg("closed")}, **unknown})
    assert (first["v"], closing.get("why")) == ("applied", "kind_mismatch"), "in one batch"
    setting = {"rec": "0198-s", "kind": "setting", "scope": "town", "f": {"scope": reg("town"), "key": reg("x"), "value": reg(1)}}
    exposed = {"rec": "0198-p", "kind": "person", "scope": "town", "f": {"scope": reg("town"), "name": reg(SECRET)}}
    for refused in (setting, exposed):
        assert push(client, refused)[0]["v"] == "quarantined"
        push(client, {**refused, **unknown})
        push(person("stranger"), {**refused, "kind": "aaa"})
        assert desk.call("POST", f"/centre/list/{refused['kind']}", json={}).json["total"] == 0, "what is kept aside says nothing of what a record is"
    with client.app.app_context():
        assert fold_anew(db.session()).ok


def test_a_refused_op_does_not_change_what_a_record_is_when_it_is_folded_anew(person: Person) -> None:
    owner, thief, desk = person("head"), person("patroller"), person("operator")
    push(owner, {"rec": "0198-b", "f": {"scope": reg(SCOPE), "title": reg("别的")}})
    push(owner, {"rec": "0198-a", "f": {"scope": reg(SCOPE), "title": reg("真")}})
    assert push(thief, {"rec": "0198-a", "kind": "patrol", "f": {"summary": reg("假")}})[0]["why"] == "kind_mismatch"
    with owner.app.app_context():
        assert fold_anew(db.session()).ok
    entry = desk.call("GET", "/centre/quarantine").json["items"][0]["id"]
    assert desk.call("POST", f"/centre/quarantine/{entry}/release").status_code == 409, "it was written for another kind of record"
    assert desk.call("POST", "/centre/list/hazard", json={}).json["total"] == 2


@pytest.mark.parametrize("refused_first", [True, False])
def test_a_refused_op_does_not_move_a_record_to_where_its_author_has_no_rights(person: Person, refused_first: bool) -> None:
    """Not even a record that says no scope of its own and is filed under that of its ops."""
    other = "station:310199101008"
    client = person("stranger")
    refused, taken = {"rec": "0198-a", "f": {"title": reg("假")}}, {"rec": "0198-a", "scope": other, "f": {"title": reg("假")}}
    for op in (refused, taken) if refused_first else (taken, refused):
        push(client, op)
    listed = person("operator").call("POST", "/centre/list/hazard", json={}).json["items"]
    assert [item["scope"] for item in listed] == [other]
    assert person("head").call("POST", "/centre/list/hazard", json={}).json["total"] == 0
    with client.app.app_context():
        assert fold_anew(db.session()).ok


def test_who_heads_one_station_is_no_head_at_another(person: Person, app: Flask) -> None:
    """Not in its scope, not by a scope of his own that the record does not have, not by moving it to his own."""
    other = "station:310199101008"
    with app.app_context(), unit() as session:
        service.add_post(session, AT, "test", session.scalars(select(User.id).where(User.username == "head")).one(), "patroller", other[8:])
    owner, head = person("stranger"), person("head")
    push(owner, {"rec": "0198-a", "scope": other, "f": {"scope": reg(other), "title": reg("真"), "status": reg("found")}})
    closing, noting = {"status": reg("closed")}, {"note": reg("已看")}
    ops = [
        {"scope": other, "f": closing}, {"scope": SCOPE, "f": closing}, {"scope": other, "f": {"scope": reg(SCOPE), **closing}}, {"scope": other, "f": noting},
    ]  # fmt: skip
    reasons = [each.get("why") for each in push(head, *({"rec": "0198-a", **op} for op in ops))]
    assert reasons == ["role_not_allowed"] * 3 + [None]
    here = {"rec": "0198-b", "scope": other, "f": {"scope": reg(other), "title": reg("新"), "status": reg("found")}}
    assert [each.get("why") for each in push(head, here, {"rec": "0198-b", "f": closing})] == [None, "role_not_allowed"], "nor in the batch that makes it"
    assert push(head, {"rec": "0198-c", "f": {"scope": reg(SCOPE), "title": reg("己"), "status": reg("closed")}})[0]["v"] == "applied"


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
    released = f"/centre/quarantine/{entries['role_not_allowed']}/release"
    assert operator.call("POST", released).status_code == 403, "nor does an operator let through what only an administrator may write"
    assert person("admin").call("POST", released).status_code == 200


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
