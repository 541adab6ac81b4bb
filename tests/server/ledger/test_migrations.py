"""The schema: migrations make exactly what the models declare, on both databases, and can be taken back."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, inspect

from server.db import Base, MigrationLocked, db, make_engine, migrate
from tests.server.ledger.world import World
from tests.tools.postgres import create_database

# `server.db` is also the name of what the package imports from it.
DATABASE = import_module("server.db")
INI = Path(__file__).resolve().parents[3] / "migrations" / "alembic.ini"


def with_engine(engine: Engine) -> Config:
    made = Config(str(INI))
    made.attributes["engine"] = engine
    return made


def config() -> Config:
    return with_engine(db.engine)


def test_migrations_make_exactly_what_the_models_declare(world: World) -> None:
    command.check(config())
    assert set(Base.metadata.tables) <= set(inspect(db.engine).get_table_names())


def test_a_migration_waits_briefly_for_a_lock_lets_everybody_pass_and_tries_again(postgres_cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = create_database(postgres_cluster, "xunan_migration_waits")
    engine = make_engine(url)
    migrate(engine)
    monkeypatch.setattr(DATABASE, "MIGRATION_PAUSE_SECONDS", 0.01)
    command.downgrade(with_engine(engine), "-1")
    stopped_at = inspect(engine).get_table_names()
    with psycopg.connect(url.replace("+psycopg", "")) as other:
        # A long report or a dump: it reads what the migration wants to change.
        other.execute("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(MigrationLocked, match=r"no lock within 50ms, 2 times: .* nothing was changed"):
            migrate(engine, tries=2, lock_timeout="50ms")
        other.rollback()
        assert inspect(engine).get_table_names() == stopped_at
        other.execute("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
        monkeypatch.setattr(DATABASE.threading, "Event", lambda: SimpleNamespace(wait=lambda _: other.rollback()))
        migrate(engine, tries=2, lock_timeout="50ms")
    command.check(with_engine(engine))
    engine.dispose()


def test_the_schema_can_be_taken_back_and_made_again(world: World) -> None:
    command.downgrade(config(), "base")
    assert set(inspect(db.engine).get_table_names()) <= {"alembic_version"}
    command.upgrade(config(), "head")
    command.check(config())
