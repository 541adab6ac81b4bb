"""The whole app on SQLite and PostgreSQL, migrated, with one user per role."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from server import create_app
from server.accounts import service
from server.db import db, unit
from server.settings import Settings
from tests.server.edge.people import AT, PASSWORD, STATION_CODE, Person
from tests.server.ledger.conftest import ledger_url, postgres_cluster, postgres_template  # noqa: F401 - fixtures


@pytest.fixture
def app(ledger_url: str, tmp_path: Path) -> Iterator[Flask]:  # noqa: F811
    """An app with users admin, operator, head, patroller and stranger (of another station)."""
    settings = Settings(database_url=ledger_url, data_dir=tmp_path / "data", pwa_dir=tmp_path / "pwa", login_lock_seconds=60, log_level="ERROR")
    made = create_app(settings)
    made.testing = True
    with made.app_context(), unit() as session:
        for username, role, station in (
            ("admin", "admin", None), ("operator", "operator", None), ("head", "head", STATION_CODE),
            ("patroller", "patroller", STATION_CODE), ("stranger", "patroller", "310199101008"),
        ):  # fmt: skip
            user = service.add_user(session, AT, "test", username, username, PASSWORD)
            service.add_post(session, AT, "test", user.id, role, station)
    yield made
    db.close()


@pytest.fixture
def person(app: Flask) -> Person:
    """Signs people in; each on a device of its own."""
    return Person(app)
