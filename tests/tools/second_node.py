"""A second node in one process: its own SQLite file, engine and session, beside the one `db` has open. Holds no assertion."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from server.db import make_engine
from tests.tools.databases import new_sqlite


def open_session(engine: Engine) -> Session:
    """A session as the product's own: it reads, unless a unit of work says otherwise."""
    return Session(engine.execution_options(readonly=True), expire_on_commit=False)


@contextmanager
def second_node(path: Path) -> Iterator[Session]:
    """An empty, migrated node."""
    engine = make_engine(new_sqlite(path))
    with open_session(engine) as session:
        yield session
    engine.dispose()
