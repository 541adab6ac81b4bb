"""The whole app on SQLite and PostgreSQL, migrated, with one user per role."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from server import create_app
from server.accounts import hashing, service
from server.db import db, unit
from server.settings import Settings
from tests.server.edge.people import AT, PASSWORD, STATION_CODE, Person


@pytest.fixture
def app(ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """An app with users admin, operator, head, patroller and stranger (of another station). Its codes are hashed quickly, as no other process reads them."""
    monkeypatch.setattr(hashing, "TIME_COST", 1)
    monkeypatch.setattr(hashing, "MEMORY_KIB", 8)
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
