"""The doctor finds what is wrong and says so in words an operator can act on; what is well is said too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from flask import Flask
from sqlalchemy import text

from server.db import db, unit
from server.doctor import examine
from server.settings import DEV_SECRET
from tests.tools.serving import free_port


def states(app: Flask, **changes: object) -> dict[str, str]:
    with app.app_context():
        return {each.name: each.state for each in examine(replace(app.extensions["xunan"], **changes))}  # type: ignore[arg-type]


def test_a_healthy_server_has_nothing_wrong(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "pwa").mkdir()
    (tmp_path / "pwa" / "index.html").write_text("x")
    found = states(app, env="prod", secret_key="s" * 40, base_url="https://town.example")
    assert set(found.values()) == {"ok"}, found
    assert {"database", "schema", "disk", "queue", "file store", "address", "app"} <= set(found)
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
