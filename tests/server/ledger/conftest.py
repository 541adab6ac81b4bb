"""Fixtures of the ledger tests: every test runs on SQLite and on PostgreSQL, on a schema made by the migrations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from server.db import db
from tests.server.ledger.world import World


@pytest.fixture
def world(ledger_url: str) -> Iterator[World]:
    """A town with one station, its users, and an open database."""
    db.init(ledger_url)
    yield World()
    db.close()
