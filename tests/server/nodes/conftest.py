"""Two nodes: the centre on SQLite or PostgreSQL, a hub on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from server.db import db
from server.nodes.meeting import Met, meet, serve
from tests.server.ledger.conftest import world  # noqa: F401 - fixtures
from tests.server.ledger.world import START_MS
from tests.tools.second_node import second_node

NOW = START_MS + 10**9


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Session]:
    """An empty hub."""
    with second_node(tmp_path / "hub.db") as session:
        yield session


def meeting(hub: Session) -> Met:
    """A meeting over a good link."""
    return meet(hub, lambda raw: serve(db.session(), raw, NOW), lambda: NOW)
