"""Metrics say how the town stands, the same in every worker, without a name in them; a silent database is told, not guessed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from server.ledger.clock import position
from server.web import gauges
from sync.stamp import GENESIS
from tests.server.edge.people import SCOPE, Person

OPEN_IN_DEV = ("/metrics", "/api/docs", "/api/v1/openapi.json")


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
    client.sync([good, bad], 1, GENESIS, status={"pending": 7, "files": 3, "oldest": "2026-11-22T05:10:33+08:00"})
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
    assert found[letter.replace("unsent_ops", "oldest_unsent_seconds")] > 3600
    assert (found['xunan_stored_bytes{what="files"}'], found["xunan_job_due_ms"]) == (0, 0)
    assert found['xunan_growth_bytes_per_day{what="database"}'] > 0
    assert found["xunan_disk_days_left"] > 0
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


def test_how_far_a_device_is_behind_the_feed_is_told(app: Flask, person: Person) -> None:
    reader, writer = person("head"), person("patroller")
    cursor = reader.sync([], 1, GENESIS).json["cursor"]
    reader.sync([], 1, GENESIS, cursor=cursor, status={"pending": 0})
    for number in range(3):
        first, prev = writer.n + 1, writer.h
        writer.sync([writer.line(f"0198-{number}", {"scope": reg(SCOPE), "title": reg("裂缝")})], first, prev)
    behind = {name: value for name, value in figures(app).items() if name.startswith("xunan_device_behind_changes")}
    assert list(behind.values()) == [3]
    for broken in ("nonsense", "AAAA", "e30" * 20):
        assert position(broken) is None


def test_metrics_and_documents_are_closed_to_strangers(app: Flask) -> None:
    """ASVS V13.4.5."""
    page = app.test_client()
    assert [page.get(path).status_code for path in OPEN_IN_DEV] == [200] * 3
    app.extensions["xunan"] = replace(app.extensions["xunan"], env="prod")
    assert [page.get(path).status_code for path in OPEN_IN_DEV] == [404] * 3
    app.extensions["xunan"] = replace(app.extensions["xunan"], metrics_token="t" * 32)
    assert page.get("/metrics").status_code == 401
    assert page.get("/metrics", headers={"Authorization": "Bearer " + "x" * 32}).status_code == 401
    assert page.get("/metrics", headers={"Authorization": "Bearer " + "t" * 32}).status_code == 200
    assert page.get("/readyz").json == {"ok": True}, "how far the town is, is nobody's business"
