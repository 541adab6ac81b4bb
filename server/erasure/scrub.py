"""Leaving nothing of an erased text in the database's files: rewriting them without what is no longer a row.

Owns the two dialects. A deleted or changed row stays readable in a file until its page is used again; SQLite's VACUUM and PostgreSQL's
VACUUM FULL write the live rows to new files and drop the old ones. Writers wait meanwhile, so this runs at night. Twice is harmless.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy import Engine, text

from server.kinds import MODELS

TABLES = ("op_log", "quarantine", "record", "conflict", "stored_file", "file_ref", *(f"k_{kind}" for kind in MODELS))
LOCK_WAIT = "5s"


class Busy(RuntimeError):
    """Somebody reads; to be tried again later."""


def scrub(engine: Engine) -> None:
    """Rewrite what may have held erased text. Raises Busy."""
    if engine.dialect.name == "sqlite":
        _scrub_sqlite(engine)
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # A backup reads for long; queueing behind it would hold up everybody who comes after.
        connection.execute(text(f"SET lock_timeout = '{LOCK_WAIT}'"))
        try:
            for table in TABLES:
                connection.execute(text(f'VACUUM (FULL) "{table}"'))
        finally:
            connection.execute(text("RESET lock_timeout"))


def _scrub_sqlite(engine: Engine) -> None:
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("VACUUM")
        busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as error:
        raise Busy(str(error)) from error
    finally:
        connection.close()
    if busy:
        raise Busy("the write-ahead log is being read")
