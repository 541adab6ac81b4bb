"""Alembic environment for SQLite and PostgreSQL.

Owns how a migration connects. Invariants: on SQLite foreign keys are off outside the transaction, because a batch rebuild of
a parent table would otherwise delete its children by cascade; on PostgreSQL a lock is waited for only briefly, so that a
migration never queues the whole town behind it (`server.db.migrate` tries again). The engine comes from the caller (`server.db.migrate`) or from
XUNAN_DATABASE_URL.
"""

from __future__ import annotations

import importlib
import os
from importlib.util import find_spec
from typing import Any

from alembic import context
from sqlalchemy import Connection, Engine, text

from server.db import MIGRATION_LOCK_TIMEOUT, Base, Hundredths, JsonText, make_engine

MODEL_MODULES = ("server.kinds", "server.ledger.tables", "server.accounts.models", "server.files.models", "server.jobs")

for name in MODEL_MODULES:
    if find_spec(name.rsplit(".", 1)[0]) is not None and find_spec(name) is not None:
        importlib.import_module(name)


def render_item(kind: str, item: object, _context: object) -> str | bool:
    """Our own column types are written as what the database stores: a migration imports nothing of ours."""
    if kind == "type" and isinstance(item, JsonText):
        return "sa.Text()"
    if kind == "type" and isinstance(item, Hundredths):
        return "sa.BigInteger()"
    return False


def is_compared(item: Any, name: str | None, kind: str, reflected: bool, _other: object) -> bool:
    """Partitions follow from their parent, and what a model declares for the other database is not missing here."""
    if reflected:
        return not (kind == "table" and name is not None and name.startswith("op_log_"))
    only = getattr(item, "_ddl_if", None)
    return only is None or only.dialect == context.get_context().dialect.name


def run(connection: Connection) -> None:
    """Run the migrations on one connection, in one transaction unless a migration says otherwise."""
    sqlite = connection.dialect.name == "sqlite"
    driver = connection.connection.driver_connection
    if sqlite and driver is not None:
        driver.execute("PRAGMA foreign_keys=OFF")
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        compare_type=True,
        render_item=render_item,
        include_object=is_compared,
    )
    with context.begin_transaction():
        if not sqlite:
            wait = context.config.attributes.get("lock_timeout", MIGRATION_LOCK_TIMEOUT)
            connection.execute(text(f"SET lock_timeout = '{wait}'"))
        context.run_migrations()
        if not sqlite:
            connection.execute(text("RESET lock_timeout"))
    if connection.in_transaction():
        connection.commit()
    if sqlite and driver is not None:
        driver.execute("PRAGMA foreign_keys=ON")


def main() -> None:
    """Find the engine and run."""
    engine: Engine | None = context.config.attributes.get("engine")
    if engine is not None:
        with engine.connect() as connection:
            run(connection)
        return
    own = make_engine(os.environ.get("XUNAN_DATABASE_URL", "sqlite:///var/xunan.db"))
    with own.connect() as connection:
        run(connection)
    own.dispose()


main()
