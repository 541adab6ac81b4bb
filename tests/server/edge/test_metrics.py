"""Metrics say how the town stands, the same in every worker, without a name in them; a silent database is told, not guessed."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from server.web import gauges
from sync.stamp import GENESIS
from tests.server.edge.people import SCOPE, Person


def reg(value: object) -> dict[str, object]:
    return {"k": "reg", "v": value, "b": []}


def figures(app: Flask) -> dict[str, float]:
    answer = app.test_client().get("/metrics")
    assert answer.status_code == 200
    found = re.findall(r"^(xunan_\S+) (\S+)$", answer.get_data(as_text=True), re.M)
    return {name: float(value) for name, value in found}


def test_what_waits_for_people_and_what_devices_hold_can_be_alarmed_on(app: Flask, person: Person) -> None:
    client = person("patroller")
    good = client.line("0198-a", {"scope": reg(SCOPE), "title": reg("裂缝")})
    bad = client.line("0198-b", {"scope": reg(SCOPE), "title": reg([1])})
    client.sync([good, bad], 1, GENESIS, status={"pending": 7, "files": 3})
    other = person("head")
    for title in ("一", "二"):
        first, prev = other.n + 1, other.h
        other.sync([other.line("0198-a", {"title": reg(title)})], first, prev)
    found = figures(app)
    letter = next(name for name in found if name.startswith("xunan_device_unsent_ops"))
    assert (found["xunan_up"], found['xunan_quarantine_open{why="bad_value"}'], found["xunan_conflicts_open"]) == (1, 1, 1)
    assert (found[letter], found["xunan_ops_not_durable"]) == (7, 4)
    assert found[letter.replace("unsent_ops", "unsent_files")] == 3
    assert found["xunan_feed_seq"] > 0
    assert found["xunan_disk_free_bytes"] > 0
    assert found['xunan_ops_total{verdict="applied"}'] >= 1
    text = app.test_client().get("/metrics").get_data(as_text=True)
    assert not re.search(r"patroller|station:|0198-|[\u4e00-\u9fff]", text)


def test_a_database_that_does_not_answer_gives_no_old_figure(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> None:
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr(gauges, "reading", gone)
    found = figures(app)
    assert found["xunan_up"] == 0
    assert "xunan_conflicts_open" not in found
