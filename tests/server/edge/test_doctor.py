"""The doctor finds what is wrong and says so in words an operator can act on; what is well is said too."""

from __future__ import annotations

from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import text

from server.db import db, reading, unit
from server.doctor import examine, transport
from server.growth import measure
from server.ledger.clock import now_ms
from server.settings import DEV_SECRET, Settings
from sync.stamp import GENESIS
from tests.server.edge.people import SCOPE, Person
from tests.server.files.services import valkey
from tests.server.files.tus_client import Tus
from tests.tools.serving import free_port
from tests.tools.tls import Authority, serving


def reg(value: object) -> dict[str, object]:
    return {"k": "reg", "v": value, "b": []}


def states(app: Flask, **changes: object) -> dict[str, str]:
    with app.app_context():
        return {each.name: each.state for each in examine(replace(app.extensions["xunan"], **changes))}  # type: ignore[arg-type]


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority this machine believes."""
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    return made


def test_a_healthy_server_has_nothing_wrong(app: Flask, tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "pwa").mkdir()
    (tmp_path / "pwa" / "index.html").write_text("x")
    with serving(authority.issue(60)) as url:
        found = states(app, env="prod", secret_key="s" * 40, base_url=url)
    assert set(found.values()) == {"ok"}, found
    assert {"database", "schema", "disk", "queue", "file store", "address", "app", "growth"} <= set(found)
    assert not list((tmp_path / "data" / "files").rglob("*")) or all(path.is_dir() for path in (tmp_path / "data" / "files").rglob("*"))


def test_what_is_wrong_is_named(app: Flask) -> None:
    found = states(
        app, env="prod", secret_key=DEV_SECRET, base_url="http://town.example", redis_url=f"redis://127.0.0.1:{free_port()}/0",
        s3_url=f"http://127.0.0.1:{free_port()}", s3_access_key="a", s3_secret_key="b",
    )  # fmt: skip
    assert {name for name, state in found.items() if state == "wrong"} == {"configuration", "address", "app", "queue", "files"}
    assert found["database"] == "ok", "one broken thing does not hide the others"


def test_a_schema_left_behind_is_told(app: Flask) -> None:
    with app.app_context():
        with unit() as session:
            session.execute(text("UPDATE alembic_version SET version_num = '20261123_01'"))
        db.session.remove()
    assert states(app)["schema"] == "wrong"


def test_the_command_fails_when_something_is_wrong(app: Flask, tmp_path: Path) -> None:
    result = app.test_cli_runner().invoke(args=["doctor", "--backups", str(tmp_path / "none")])
    assert "app: " in result.output
    assert "backup: none in" in result.output
    assert result.exit_code == 1


def words(app: Flask, name: str, **changes: object) -> tuple[str, str]:
    with app.app_context():
        return next((each.state, each.words) for each in examine(replace(app.extensions["xunan"], **changes)) if each.name.startswith(name))  # type: ignore[arg-type]


def test_a_certificate_is_told_before_it_ends_and_what_a_handheld_refuses(app: Flask, tmp_path: Path, authority: Authority) -> None:
    seen = {}
    for case, path in {
        "good": authority.issue(60.5), "soon": authority.issue(20.5), "ended": authority.issue(-1), "another name": authority.issue(60, "127.0.0.2"),
    }.items():  # fmt: skip
        with serving(path) as url:
            seen[case] = words(app, "certificate", base_url=url)
    other = tmp_path / "other"
    other.mkdir()
    with serving(Authority(other).issue(60)) as url:
        seen["stranger"] = words(app, "certificate", base_url=url)
    seen["silence"] = words(app, "certificate", base_url=f"https://127.0.0.1:{free_port()}")
    assert {case: state for case, (state, _) in seen.items()} == {
        "good": "ok", "soon": "warn", "ended": "wrong", "another name": "wrong", "stranger": "wrong", "silence": "warn",
    }  # fmt: skip
    assert "60 days left" in seen["good"][1]


def test_every_address_has_its_certificate_looked_at(app: Flask, authority: Authority) -> None:
    with serving(authority.issue(60)) as one, serving(authority.issue(-3)) as two:
        found = states(app, base_url=one, other_base_urls=(two,))
    assert [state for name, state in sorted(found.items()) if name.startswith("certificate")].count("wrong") == 1


class Dated(BaseHTTPRequestHandler):
    """Answers 403 with a time of its own, as an S3 does to strangers."""

    ahead_s = 0

    def do_HEAD(self) -> None:
        self.send_response_only(403)
        self.send_header("Date", formatdate(now_ms() / 1000 + self.ahead_s, usegmt=True))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.mark.parametrize(("ahead_s", "state"), [(0, "ok"), (60, "warn")])
def test_the_clock_is_held_beside_every_other_one(app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ahead_s: int, state: str) -> None:
    monkeypatch.setattr(Dated, "ahead_s", ahead_s)
    with ThreadingHTTPServer(("127.0.0.1", 0), Dated) as store, valkey(tmp_path) as (redis_url, _):
        Thread(target=store.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{store.server_port}"
        found = states(app, s3_url=url, s3_access_key="a", s3_secret_key="b", redis_url=redis_url, centre_url=url)
        store.shutdown()
    assert (found["clock (file store)"], found["clock (centre)"], found["clock (queue)"]) == (state, state, "ok")
    assert found.get("clock (database)", "ok") == "ok"
    assert ("clock (database)" in found) == app.extensions["xunan"].database_url.startswith("postgresql")


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"database_url": "postgresql://xunan:p@db/xunan", "redis_url": "redis://queue:6379/0", "s3_url": "http://files:8333"}, "warn"),
        (
            {"database_url": "postgresql://xunan:p@db/xunan?sslmode=verify-full", "redis_url": "rediss://queue:6379/0", "s3_url": "https://files:8334"}, "ok",
        ),
    ],
)  # fmt: skip
def test_what_leaves_the_machine_in_clear_is_told(changes: dict[str, str], state: str) -> None:
    """ASVS V12.3.1."""
    assert [each.state for each in transport(replace(Settings(), **changes))] == [state] * 3  # type: ignore[arg-type]
    assert list(transport(Settings(redis_url="redis://127.0.0.1:6379/0"))) == [], "on one machine nothing leaves"
    assert "xunan:p@" not in " ".join(each.words for each in transport(replace(Settings(), **changes)))  # type: ignore[arg-type]


def test_demo_users_do_not_get_into_a_real_server(app: Flask) -> None:
    app.extensions["xunan"] = replace(app.extensions["xunan"], env="prod")
    for command in ("seed", "dev-info"):
        done = app.test_cli_runner().invoke(args=[command])
        assert done.exit_code == 1
        assert "do not belong on a real server" in done.output


def test_what_a_town_grows_by_is_told_from_its_last_thirty_days(app: Flask, person: Person, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    client = person("patroller")
    client.sync([client.line(f"0198-{number}", {"scope": reg(SCOPE), "title": reg("裂缝")}) for number in range(8)], 1, GENESIS)
    Tus(client).upload(b"x" * 3000)
    at, day = now_ms(), 86_400_000
    with app.app_context():
        with unit() as session:  # half of the ops came long ago
            session.execute(text("UPDATE op_log SET rx_at = :at WHERE n <= 4"), {"at": at - 90 * day})
        with reading() as session:
            today = measure(session, tmp_path, at)
            later = measure(session, tmp_path, at + 10 * day)
            quiet = measure(session, tmp_path, at + 60 * day)
    assert today.database_per_day == pytest.approx(today.database_bytes / 2)
    assert later.database_per_day == pytest.approx(later.database_bytes / 2 / 10, rel=0.01)
    assert (today.files_bytes, today.files_per_day) == (3000, 3000)
    assert later.files_per_day == pytest.approx(300, rel=0.01)
    assert today.days_left == pytest.approx(today.free_bytes / (today.database_per_day + 3000))
    assert (quiet.database_per_day, quiet.files_per_day, quiet.days_left) == (0, 0, None)
    monkeypatch.setattr("server.growth.shutil.disk_usage", lambda _: SimpleNamespace(free=today.database_bytes))
    done = app.test_cli_runner().invoke(args=["estimate"])
    assert "MB a day" in done.output, done.output
    assert "2 days, when both lie on this disk" in done.output


def test_an_empty_town_grows_by_nothing(app: Flask, tmp_path: Path) -> None:
    with app.app_context(), reading() as session:
        found = measure(session, tmp_path, now_ms())
    assert (found.database_per_day, found.files_per_day, found.days_left) == (0, 0, None)
    assert found.database_bytes > 0
