"""Every operation of the OpenAPI document against every role, and against a foreign station (tests/server/edge/matrix.py)."""

from __future__ import annotations

import io
import zipfile

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.server.edge.matrix import MARK, MATRIX, NODE, PUBLIC, USER, Row, Town
from tests.server.edge.people import Client, Person

REFUSALS = {"login_required": 401, "forbidden": 403}


@pytest.fixture
def operations(app: Flask) -> dict[str, str]:
    """operationId → method, as the document says."""
    document = app.test_client().get("/api/v1/openapi.json").json
    return {operation["operationId"]: method.upper() for item in document["paths"].values() for method, operation in item.items()}


def ask(app: Flask, town: Town, row: Row, method: str, client: Client | None) -> TestResponse:
    path, more = row.request(town)
    url = path[1:] if path.startswith("//") else "/api/v1" + path
    headers = dict(more.pop("headers", {}))
    if client is not None:
        headers["Authorization"] = f"Bearer {client.token}"
    streamed = path == "/live"
    return app.test_client().open(url, method=method, headers=headers, buffered=not streamed, **more)


def said(answer: TestResponse) -> str:
    """Everything an answer shows, workbooks unpacked."""
    if "spreadsheetml" not in (answer.content_type or ""):
        return answer.get_data(as_text=True) + answer.get_data().decode("unicode_escape", "replace")
    with zipfile.ZipFile(io.BytesIO(answer.get_data())) as book:
        return "".join(book.read(name).decode() for name in book.namelist())


def refusal(answer: TestResponse) -> str | None:
    code = (answer.json or {}).get("code") if answer.content_type == "application/problem+json" else None
    return code if code in REFUSALS else None


def check_foreign(name: str, row: Row, answer: TestResponse) -> None:
    if row.foreign == "hidden":
        assert (answer.status_code, answer.json["code"]) == (404, "not_found"), name
    elif row.foreign == "forbidden":
        assert (answer.status_code, answer.json["code"]) == (403, "forbidden"), name
    else:
        assert answer.status_code in row.good, (name, answer.status_code)
        assert MARK not in said(answer), name


def test_every_operation_has_its_row_and_every_row_its_operation(operations: dict[str, str]) -> None:
    assert sorted(set(operations) - set(MATRIX)) == [], "say in tests/server/edge/matrix.py who may use it"
    assert sorted(set(MATRIX) - set(operations)) == []


def test_every_role_gets_what_the_table_says(app: Flask, person: Person, operations: dict[str, str]) -> None:
    town = Town(app, person)
    for name, row in MATRIX.items():
        for who in PUBLIC + (NODE if row.who == NODE else ()):
            answer = ask(app, town, row, operations[name], town.callers.get(who))
            told = (name, who, answer.status_code)
            if who not in row.who:
                wanted = "forbidden" if who in USER else "login_required"
                assert refusal(answer) == wanted, told
                assert answer.status_code == REFUSALS[wanted], told
            elif who == "device" and row.foreign:
                check_foreign(name, row, answer)
            else:
                assert refusal(answer) is None, told
                assert answer.status_code in row.good, (*told, answer.data[:300])
                if row.foreign == "absent" and row.shows:
                    assert MARK in said(answer), told
            answer.close()


def test_a_foreign_station_sees_nothing_of_the_table(app: Flask, person: Person, operations: dict[str, str]) -> None:
    town = Town(app, person)
    checked = 0
    for name, row in MATRIX.items():
        if not row.foreign:
            continue
        strangers = [town.foreign] if "patroller" not in row.who else [town.foreign, town.foreign_patroller]
        for stranger in strangers:
            check_foreign(name, row, ask(app, town, row, operations[name], stranger))
            checked += 1
    assert checked > 20
