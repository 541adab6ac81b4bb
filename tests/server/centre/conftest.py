"""A small town for the centre's tests, made only by pushing ops: two stations, five devices, work of one morning.

Every test gets a fresh copy of a database built once per run, on SQLite and on PostgreSQL alike.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.orm import Session

from server.centre.reader import Reader
from server.db import db, migrate, reading
from tests.server.centre.town import HEAD_READER, OPERATOR_READER, build_town
from tests.server.ledger.postgres import cluster, create_database

_numbers = itertools.count(1)


def _build(url: str) -> None:
    migrate(db.init(url))
    build_town()
    # Closing the last connection folds SQLite's write-ahead log into the file, so that the file alone can be copied.
    db.close()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def built_town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the town, built once per database."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('centre') / 'town.db'}"
        _build(url)
        yield url
        return
    with cluster() as server:
        url = create_database(server, "xunan_centre_template")
        _build(url)
        yield url


@pytest.fixture
def town(built_town: str, tmp_path: Path) -> Iterator[None]:
    """An open copy of the town."""
    if built_town.startswith("sqlite"):
        shutil.copy(built_town.removeprefix("sqlite:///"), tmp_path / "town.db")
        db.init(f"sqlite:///{tmp_path / 'town.db'}")
        yield
        db.close()
        return
    server, _, template = built_town.rpartition("/")
    name = f"xunan_centre_{next(_numbers)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    db.init(f"{server}/{name}")
    yield
    db.close()
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


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
