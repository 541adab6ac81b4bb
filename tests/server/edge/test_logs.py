"""No log line holds personal data, however the database complains about it."""

from __future__ import annotations

import errno
import io
import json
import logging
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog
from flask import Flask
from gunicorn.config import Config
from sqlalchemy import insert, text
from sqlalchemy.exc import OperationalError

from server.accounts.models import User
from server.db import unit
from server.logs import configure_logs
from sync.stamp import GENESIS
from tests.server.edge.people import SCOPE, Person


def reg(value: object) -> dict[str, object]:
    return {"k": "reg", "v": value, "b": []}


NAME, ID_NO, PHONE = "欧阳测试", "310115194001011234", "13800001234"
PERSONAL = (NAME, ID_NO, PHONE, "ouyang.ceshi")
ROOT = Path(__file__).resolve().parents[3]


def duplicate() -> None:
    row = {"id": PHONE, "username": "ouyang.ceshi", "name": NAME, "pw_hash": ID_NO, "active": True}
    for number in range(2):
        with unit() as session:
            session.execute(insert(User).values(row | {"id": f"{PHONE}-{number}"}))


def incomplete() -> None:
    with unit() as session:
        session.execute(
            text("""INSERT INTO "user" (id, username, name, pw_hash, active) VALUES (:id, :username, :name, NULL, TRUE)"""),
            {"id": PHONE, "username": "ouyang.ceshi", "name": NAME},
        )


def wrong_type() -> None:
    with unit() as session:
        session.execute(text("SELECT CAST(:value AS integer) + length(:more) / 0, abs(:low)"), {"value": NAME, "more": ID_NO, "low": -(2**63)})


def too_long() -> None:
    with unit() as session:
        session.execute(text("SELECT CAST(:value AS numeric(2)), zeroblob(:size)"), {"value": ID_NO, "size": 2**40})


def not_the_database() -> None:
    int(f"{NAME} {PHONE}")


def chained() -> None:
    try:
        duplicate()
    except Exception as error:
        raise RuntimeError(f"while adding {NAME}") from error


def failure(out: str) -> dict[str, Any]:
    """The line of the request; sweepers of other tests may talk too."""
    lines = [json.loads(line) for line in out.splitlines()]
    return next(line for line in lines if line["event"] in ("request_failed", "database_unavailable"))


@pytest.mark.parametrize("deed", [duplicate, incomplete, wrong_type, too_long, not_the_database, chained])
def test_a_failing_request_names_the_place_but_nobody(app: Flask, capsys: pytest.CaptureFixture[str], deed: Any) -> None:
    app.add_url_rule("/api/v1/fails", "fails", deed, methods=["POST"])
    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = app.test_client().post("/api/v1/fails?name=" + NAME, json={"name": NAME, "id_no": ID_NO})
    told = capsys.readouterr()
    text = told.out + told.err + answer.get_data(as_text=True)
    assert answer.status_code in (500, 503)
    line = failure(told.out)
    assert line["level"] == "error"
    for word in PERSONAL:
        assert word not in text
    if answer.status_code == 500:
        assert line["request_id"] == answer.json["request_id"]
        assert "test_logs.py" in json.dumps(line["exception"])


def test_a_database_error_names_its_code_and_its_rule(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    app.add_url_rule("/api/v1/fails", "fails", duplicate, methods=["POST"])
    app.test_client().post("/api/v1/fails")
    first = failure(capsys.readouterr().out)["exception"][0]
    assert first["exc_type"] == "IntegrityError"
    if app.extensions["xunan"].database_url.startswith("postgresql"):
        assert first["exc_value"] == "sqlstate 23505, constraint uq_user_username"


def test_lines_of_libraries_are_private_too(app: Flask) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.Logger("library")
    logger.addHandler(handler)
    with app.app_context():
        try:
            chained()
        except Exception:
            logger.exception("job failed")
    assert "RuntimeError" in stream.getvalue()
    assert "IntegrityError" in stream.getvalue()
    assert "test_logs.py" in stream.getvalue()
    for word in PERSONAL:
        assert word not in stream.getvalue()


def test_a_line_of_a_library_is_json_under_the_id_of_its_request(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    """ASVS V16.2.4."""

    def speak() -> str:
        try:
            chained()
        except Exception:
            logging.getLogger("some.library").exception("pool %s", "closed")
        return "spoken"

    app.add_url_rule("/api/v1/speaks", "speaks", speak)
    answer = app.test_client().get("/api/v1/speaks")
    line = next(line for line in map(json.loads, capsys.readouterr().out.splitlines()) if line.get("logger") == "some.library")
    assert (line["event"], line["level"], line["request_id"]) == ("pool closed", "error", answer.headers["X-Request-Id"])
    assert "IntegrityError" in line["exception"]
    for word in PERSONAL:
        assert word not in json.dumps(line, ensure_ascii=False)


def test_gunicorn_says_what_failed_but_not_what_was_asked(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # With several workers the file names a folder for their counters, and later tests would look for theirs there.
    monkeypatch.setenv("WEB_WORKERS", "1")
    chosen = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    config = Config()
    config.set("errorlog", "-")
    config.set("loglevel", chosen["loglevel"])
    log = chosen["logger_class"](config)
    structlog.contextvars.bind_contextvars(request_id="9f2c41d07ab35e18")
    try:
        not_the_database()
    except ValueError:
        log.exception("Error handling request %s", f"/api/v1/centre/search?q={NAME}")
    for handler in log.error_log.handlers:
        handler.flush()
    told = capfd.readouterr().err
    line = json.loads(told)
    assert (line["event"], line["level"], line["logger"]) == ("request failed", "error", "gunicorn.error")
    assert "ValueError" in line["exception"]
    assert line["request_id"] == "9f2c41d07ab35e18"
    structlog.contextvars.clear_contextvars()
    for word in (*PERSONAL, "search"):
        assert word not in told


def test_a_line_of_ours_is_json_with_its_request(capsys: pytest.CaptureFixture[str], app: Flask) -> None:
    structlog.get_logger("x").error("something", count=3)
    line = next(line for line in map(json.loads, capsys.readouterr().out.splitlines()) if line["event"] == "something")
    assert (line["event"], line["count"], line["level"]) == ("something", 3, "error")


def test_a_push_leaves_the_names_of_its_ops_under_the_id_of_its_request(app: Flask, person: Person, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("INFO")
    client = person("patroller")
    good = client.line("0198-a", {"scope": reg(SCOPE), "title": reg(NAME)})
    bad = client.line("0198-b", {"scope": reg(SCOPE), "title": reg([1])})
    answer = client.sync([good, bad], 1, GENESIS)
    client.sync([client.line("0198-c", {"title": reg("x")})], 9, GENESIS)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    first, second = (line for line in told if line["event"] == "pushed")
    assert first["request_id"] == answer.headers["X-Request-Id"]
    assert {name: first[name] for name in ("dev", "first", "last", "acked", "aside")} == {"dev": client.dev, "first": 1, "last": 2, "acked": 2, "aside": [2]}
    assert (second["first"], second["resend_from"]) == (9, 3)
    assert NAME not in json.dumps(told, ensure_ascii=False)


def test_a_log_that_takes_no_line_stops_nothing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    @app.get("/api/v1/no-room")
    def no_room() -> None:
        raise OperationalError("INSERT", {}, Exception("disk I/O error"))

    monkeypatch.setattr(sys, "stdout", Full())
    assert app.test_client().get("/api/v1/no-room").json["code"] == "unavailable"
