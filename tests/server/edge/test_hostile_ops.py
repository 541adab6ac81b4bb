"""Lines made to break the reader, and attempts to let one's own refused work through: siblings are stored, nothing leaks (P-22, P-40)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from flask import Flask

from sync.stamp import chain
from tests.server.edge.people import SCOPE, Client, Person

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
    for path in ("/centre/quarantine", "/centre/hazard", "/centre/export/hazard.xlsx"):
        assert desk.call("GET", path).status_code in (200, 404), path


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
