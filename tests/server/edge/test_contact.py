"""What a device says it still holds: always that of its last push, and never at the price of a second commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, update

from server.accounts.models import Device
from server.db import db, unit
from tests.server.edge.people import SCOPE, Client, Person


@contextmanager
def commits(app: Flask) -> Iterator[list[int]]:
    """Collects one entry for every writing transaction that is committed."""
    seen: list[int] = []
    with app.app_context():
        engine = db.engine

    def note(connection: Any) -> None:
        if not connection.get_execution_options().get("readonly", False):
            seen.append(1)

    event.listen(engine, "commit", note)
    try:
        yield seen
    finally:
        event.remove(engine, "commit", note)


def push(client: Client, rec: str, **status: Any) -> None:
    prev, first = client.h, client.n + 1
    line = client.line(rec, {"scope": {"k": "reg", "v": SCOPE, "b": []}, "title": {"k": "reg", "v": "裂缝", "b": []}})
    answer = client.sync([line], first, prev, status=status)
    assert answer.json["verdicts"][0]["v"] == "applied"


def look(client: Client, **status: Any) -> None:
    assert client.sync([], client.n + 1, client.h, status=status).status_code == 200


def shown(operator: Client) -> tuple[int, int | None]:
    """Of the device that holds most."""
    first = operator.call("GET", "/centre/devices").json["items"][0]
    return first["pending"], first["battery"]


@pytest.fixture
def client(person: Person) -> Client:
    """A handheld that has met the server before."""
    made = person("patroller")
    push(made, "0198-0", pending=9)
    return made


def test_a_push_commits_once(app: Flask, client: Client) -> None:
    with commits(app) as seen:
        push(client, "0198-a", pending=3)
    assert len(seen) == 1


def test_the_devices_page_shows_what_the_last_push_said(app: Flask, person: Person, client: Client) -> None:
    operator = person("operator")
    for left in (3, 2, 1):
        push(client, f"0198-{left}", pending=left, battery=50)
        assert shown(operator) == (left, 50)


def test_looking_again_writes_nothing(app: Flask, client: Client) -> None:
    look(client, pending=0, battery=61)
    with commits(app) as seen:
        for battery in (60, 59, 58):
            look(client, pending=0, battery=battery)
    assert seen == []


def test_a_count_that_changed_is_written_at_once(app: Flask, person: Person, client: Client) -> None:
    operator = person("operator")
    look(client, pending=0)
    look(client, pending=4)
    assert shown(operator)[0] == 4


def test_a_device_that_only_looks_is_seen_every_minute(app: Flask, client: Client) -> None:
    look(client, pending=0, battery=61)
    with app.app_context(), unit() as session:
        session.execute(update(Device).values(last_seen=Device.last_seen - 61_000))
    with commits(app) as seen:
        look(client, pending=0, battery=12)
    assert len(seen) == 1


def test_a_contact_leaves_no_hook_behind(app: Flask, client: Client) -> None:
    client.sync([b"not a line"], 99, "00000000", status={"pending": 5})
    with app.app_context(), unit() as session:
        session.execute(update(Device).values(status=None))
    with app.app_context():
        assert {row.status for row in db.session.query(Device)} == {None}
