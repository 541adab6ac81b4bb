"""A small town for the centre's tests, made only by pushing ops: two stations, four devices, work of one morning.

`town` is read-only in spirit: a test that changes it builds on its own copy (every test gets a fresh database file copied
from one built once per run).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from server.centre.reader import Reader
from server.db import db, migrate, reading
from tests.server.centre.town import HEAD_READER, OPERATOR_READER, build_town


@pytest.fixture(scope="session")
def built_town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database file, built once."""
    path = tmp_path_factory.mktemp("centre") / "town.db"
    migrate(db.init(f"sqlite:///{path}"))
    build_town()
    # Closing the last connection folds the write-ahead log into the file, so that the file alone can be copied.
    db.close()
    return path


@pytest.fixture
def town(built_town: Path, tmp_path: Path) -> Iterator[None]:
    """An open copy of the town."""
    path = tmp_path / "town.db"
    shutil.copy(built_town, path)
    db.init(f"sqlite:///{path}")
    yield
    db.close()


@pytest.fixture
def session(town: None) -> Iterator[Session]:
    """A reading session on the town."""
    with reading() as session_:
        yield session_


@pytest.fixture
def operator() -> Reader:
    """Reads the whole town."""
    return OPERATOR_READER


@pytest.fixture
def head() -> Reader:
    """Heads station 007."""
    return HEAD_READER
