"""Fixtures of the ledger tests: every test runs on SQLite and on PostgreSQL, on a schema made by the migrations."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from server.db import db, migrate
from tests.server.ledger.postgres import cluster, create_database
from tests.server.ledger.world import World

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[str]:
    """One throw-away PostgreSQL for the whole run."""
    with cluster() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_cluster: str) -> str:
    """A migrated database that every PostgreSQL test is copied from."""
    url = create_database(postgres_cluster, "xunan_ledger_template")
    engine = db.init(url)
    migrate(engine)
    db.close()
    return "xunan_ledger_template"


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty, migrated database."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/ledger.db"
        migrate(db.init(url))
        db.close()
        yield url
        return
    cluster_url = request.getfixturevalue("postgres_cluster")
    template = request.getfixturevalue("postgres_template")
    name = f"xunan_ledger_{next(_numbers)}"
    with psycopg.connect(cluster_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield cluster_url.rsplit("/", 1)[0] + f"/{name}"
    with psycopg.connect(cluster_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def world(ledger_url: str) -> Iterator[World]:
    """A town with one station, its users, and an open database."""
    db.init(ledger_url)
    yield World()
    db.close()
