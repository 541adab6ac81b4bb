"""The schema: migrations make exactly what the models declare, on both databases, and can be taken back."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import inspect

from server.db import Base, db
from tests.server.ledger.world import World

INI = Path(__file__).resolve().parents[3] / "migrations" / "alembic.ini"


def config() -> Config:
    made = Config(str(INI))
    made.attributes["engine"] = db.engine
    return made


def test_migrations_make_exactly_what_the_models_declare(world: World) -> None:
    command.check(config())
    assert set(Base.metadata.tables) <= set(inspect(db.engine).get_table_names())


def test_the_schema_can_be_taken_back_and_made_again(world: World) -> None:
    command.downgrade(config(), "base")
    assert set(inspect(db.engine).get_table_names()) <= {"alembic_version"}
    command.upgrade(config(), "head")
    command.check(config())
