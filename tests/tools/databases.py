"""Fixtures with a database: one throw-away PostgreSQL per run, empty migrated databases as copies of one that was migrated once.

Loaded for the whole suite by tests/conftest.py. `ledger_url` makes a test run twice, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import atexit
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
import pytest

from server.db import db, make_engine, migrate
from tests.tools.memory import in_memory
from tests.tools.postgres import cluster, create_database

_numbers = itertools.count(1)


@cache
def empty_sqlite() -> Path:
    """A migrated, empty SQLite file, to be copied only."""
    folder = Path(tempfile.mkdtemp(prefix="xunan-template-", dir=in_memory()))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    engine = make_engine(f"sqlite:///{folder / 'empty.db'}")
    migrate(engine)
    # Closing the last connection folds the write-ahead log into the file, so that the file alone can be copied.
    engine.dispose()
    return folder / "empty.db"


def new_sqlite(path: Path) -> str:
    """An empty, migrated SQLite database at `path`; gives its address."""
    shutil.copy(empty_sqlite(), path)
    return f"sqlite:///{path}"


@contextmanager
def copied(cluster_url: str, template: str) -> Iterator[str]:
    """A copy of a PostgreSQL database that nobody is connected to, dropped afterwards; gives its address."""
    name = f"xunan_copy_{next(_numbers)}"
    with psycopg.connect(cluster_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield cluster_url.rsplit("/", 1)[0] + f"/{name}"
    with psycopg.connect(cluster_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[str]:
    """The address of the maintenance database of a cluster that the whole run shares."""
    with cluster() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_cluster: str) -> str:
    """The name of a migrated database that every PostgreSQL test is copied from."""
    migrate(db.init(create_database(postgres_cluster, "xunan_template")))
    db.close()
    return "xunan_template"


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty, migrated database."""
    if request.param == "sqlite":
        yield new_sqlite(tmp_path / "ledger.db")
        return
    with copied(request.getfixturevalue("postgres_cluster"), request.getfixturevalue("postgres_template")) as url:
        yield url
