"""A small town for the centre's tests, made only by pushing ops: two stations, five devices, work of one morning.

Every test gets a fresh copy of a database built once per run, on SQLite and on PostgreSQL alike.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from server.centre.reader import Reader
from server.db import db, reading
from tests.server.centre.town import HEAD_READER, OPERATOR_READER, build_town
from tests.tools.databases import copied, new_sqlite


def _build(url: str) -> str:
    db.init(url)
    build_town()
    # Closing the last connection folds SQLite's write-ahead log into the file, so that the file alone can be copied.
    db.close()
    return url


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def built_town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the town, built once per database."""
    if request.param == "sqlite":
        yield _build(new_sqlite(tmp_path_factory.mktemp("centre") / "town.db"))
        return
    with copied(request.getfixturevalue("postgres_cluster"), request.getfixturevalue("postgres_template")) as url:
        yield _build(url)


@pytest.fixture
def town(built_town: str, tmp_path: Path) -> Iterator[None]:
    """An open copy of the town."""
    with ExitStack() as stack:
        if built_town.startswith("sqlite"):
            shutil.copy(built_town.removeprefix("sqlite:///"), tmp_path / "town.db")
            db.init(f"sqlite:///{tmp_path / 'town.db'}")
        else:
            server, _, template = built_town.rpartition("/")
            db.init(stack.enter_context(copied(f"{server}/postgres", template)))
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
