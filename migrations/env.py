"""Alembic environment for SQLite and PostgreSQL.

Owns how a migration connects. Invariants: on SQLite foreign keys are off outside the transaction, because a batch rebuild of
a parent table would otherwise delete its children by cascade; on PostgreSQL a lock is waited for only briefly, so that a
migration never queues the whole town behind it. The engine comes from the caller (`server.db.migrate`) or from
XUNAN_DATABASE_URL.
"""

from __future__ import annotations

import importlib
import os
from importlib.util import find_spec

from alembic import context
from sqlalchemy import Connection, Engine, text

from server.db import Base, Hundredths, JsonText, make_engine

MODEL_MODULES = ("server.kinds", "server.ledger.tables", "server.accounts.models", "server.files.models", "server.jobs")
LOCK_TIMEOUT = "5s"

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


def run(connection: Connection) -> None:
    """Run the migrations on one connection, in one transaction."""
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
    )
    with context.begin_transaction():
        if not sqlite:
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        context.run_migrations()
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
