"""Every operation of the OpenAPI document against every bad body, value, path variable and header of tests/server/edge/hostile.py.

A new endpoint is covered by its row in matrix.py. What is asked of each answer: the server did not fail, the status is one the document
names, and a refusal is a problem document with a code of the catalogue and a sentence in both languages.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from server.errors import CATALOGUE
from tests.server.edge.fuzz import token
from tests.server.edge.hostile import BODIES, DATABASE, HEADERS, PARTS, VALUES
from tests.server.edge.matrix import MATRIX, NODE, Row, Town
from tests.server.edge.people import Person

BOMB = gzip.compress(b" " * 50_000_000)
# Statuses that any server gives, before an operation is found.
GENERAL = {404, 405, 413}


@dataclass
class Asked:
    """One operation with the request of its row."""

    app: Flask
    name: str
    method: str
    template: str
    documented: set[int]
    queries: list[str]
    fields: list[str]
    path: str
    more: dict[str, Any]
    shown: str | None

    def call(self, path: str | None = None, headers: dict[str, str] | None = None, **more: Any) -> TestResponse:
        """The request of the row with something else in it."""
        named = {**self.more.get("headers", {}), **(headers or {}), **({"Authorization": f"Bearer {self.shown}"} if self.shown else {})}
        return self.app.test_client().open(path or self.path, method=self.method, headers=named, **more)

    def rest(self) -> dict[str, Any]:
        """What the row sends beside its headers; a stream is read only once."""
        kept = {key: value for key, value in self.more.items() if key != "headers"}
        return {**kept, "data": b"x"} if "data" in kept else kept

    def complaint(self, answer: TestResponse, what: str) -> str | None:
        """What is wrong with the answer."""
        told = f"{self.name}, {what}: {answer.status_code}"
        streamed = answer.is_streamed and answer.mimetype == "text/event-stream"
        words = "" if streamed else answer.get_data().decode(errors="replace")
        answer.close()
        if answer.status_code >= 500 or answer.status_code not in self.documented | GENERAL:
            return f"{told} is not documented: {words[:200]}"
        if "Set-Cookie" in answer.headers or "Traceback" in words:
            return f"{told} says too much: {words[:200]}"
        if answer.status_code < 400 or self.method == "HEAD":
            return None
        said = answer.json if answer.content_type == "application/problem+json" else {}
        if said.get("code") not in CATALOGUE or CATALOGUE[said["code"]].status != answer.status_code or not (said["detail"] and said["detail_zh"]):
            return f"{told} is no problem document: {words[:200]}"
        return None


def requests(app: Flask, person: Person) -> Iterator[Asked]:
    """Every operation, asked by somebody who may."""
    town = Town(app, person)
    document = app.test_client().get("/api/v1/openapi.json").json
    for template, item in document["paths"].items():
        for method, operation in item.items():
            row: Row = MATRIX[operation["operationId"]]
            path, more = row.request(town)
            queries = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
            shape = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "").rsplit("/", 1)[-1]
            fields = list(document["components"]["schemas"].get(shape, {}).get("properties", {}))
            who = "node" if row.who == NODE else row.who[-1]
            yield Asked(
                app, operation["operationId"], method.upper(), template, {int(status) for status in operation["responses"]}, queries, fields,
                path[1:] if path.startswith("//") else "/api/v1" + path, more, token(app, who),
            )  # fmt: skip


def settle(found: list[str | None]) -> None:
    wrong = [each for each in found if each]
    assert not wrong, f"{len(wrong)} of {len(found)}\n" + "\n".join(wrong[:20])
    assert len(found) > 200


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_no_body_breaks_an_operation(app: Flask, person: Person) -> None:
    found = []
    for asked in requests(app, person):
        if asked.method == "GET":
            continue
        kind = asked.more.get("content_type", "application/json")
        for what, body in BODIES.items():
            found.append(asked.complaint(asked.call(data=body, content_type=kind), what))
        for what, headers in (("a bomb", {"Content-Encoding": "gzip"}), ("a torn packing", {"Content-Encoding": "gzip"})):
            found.append(asked.complaint(asked.call(data=BOMB if what == "a bomb" else BOMB[:-100], content_type=kind, headers=headers), what))
        for wrong in ("text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "\u00ff"):
            found.append(asked.complaint(asked.call(data=b"{}", content_type=wrong), wrong))
    settle(found)


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_what_is_too_large_is_refused_in_so_many_words(app: Flask, person: Person) -> None:
    """Where a body is read at all; a file has a limit of its own (tests/server/files)."""
    large, checked = b'{"q": "' + b"x" * app.extensions["xunan"].body_bytes_max + b'"}', 0
    for asked in requests(app, person):
        if asked.fields or asked.more.get("content_type") == "application/x-ndjson":
            answer = asked.call(data=large, content_type=asked.more.get("content_type", "application/json"))
            assert (answer.status_code, (answer.json or {}).get("code")) == (413, "too_large"), asked.name
            checked += 1
    assert checked > 15


def chosen(app: Flask, of: dict[str, Any]) -> dict[str, Any]:
    return of if app.extensions["xunan"].database_url.startswith("sqlite") else {what: of[what] for what in of if what in DATABASE}


def test_no_value_of_a_field_breaks_an_operation(app: Flask, person: Person) -> None:
    found = []
    for asked in requests(app, person):
        for field in asked.fields:
            for what, value in chosen(app, VALUES).items():
                found.append(asked.complaint(asked.call(json={**asked.more["json"], field: value}), f"{field} {what}"))
    settle(found)


def test_no_address_breaks_an_operation(app: Flask, person: Person) -> None:
    found = []
    for asked in requests(app, person):
        for what, part in chosen(app, PARTS).items():
            for variable in re.findall(r"{\w+}", asked.template):
                path = re.sub(r"{\w+}", "x", asked.template.replace(variable, part))
                found.append(asked.complaint(asked.call(path, **asked.rest()), f"{variable} {what}"))
            for query in asked.queries:
                found.append(asked.complaint(asked.call(f"{asked.path.split('?')[0]}?{query}={part}&{query}=1", **asked.rest()), f"?{query} {what}"))
    settle(found)


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_no_header_breaks_an_operation(app: Flask, person: Person) -> None:
    found = []
    for asked in requests(app, person):
        for what, headers in HEADERS.items():
            found.append(asked.complaint(asked.call(headers=headers, **asked.rest()), what))
    settle(found)


def test_a_wrong_entry_of_a_list_is_named_by_its_place(person: Person) -> None:
    answer = person("patroller").call("POST", "/files/status", json={"sha256": ["0" * 64, "no hash"]})
    assert (answer.status_code, answer.json["code"], list(answer.json["errors"]["sha256"])) == (422, "invalid", ["1"])
    assert json.loads(answer.data)["detail_zh"]
