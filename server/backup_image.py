"""A consistent image of the database, taken while the server runs, and its way back. SQLite and PostgreSQL.

Owns the two dialects: SQLite's online backup API gives one file; PostgreSQL gives one COPY file per table from one snapshot.
Knows nothing of files, sets or durability. Invariants: an image holds one moment; it is proven by refolding every author's hash
chain over the saved bytes, not by trusting the copy; reading it back needs nothing but the image and the migrations.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, inspect, text

from server.db import migrate
from server.ledger.lines import read_line
from server.seal import SealBroken
from sync.stamp import GENESIS, chain

SQLITE_NAME = "town.db"
CHUNK_BYTES = 1 << 20


class BackupError(RuntimeError):
    """A backup or restore that must not count; the message says why."""


CHAIN_COLUMNS = ("dev", "n", "h", "line")


@dataclass(slots=True)
class Image:
    """What an image holds. `vector` is how far each author's chain reaches, `tables` the row counts of PostgreSQL's files."""

    dialect: str
    revision: str
    node: str
    seq: int
    vector: dict[str, tuple[int, str]]
    files: dict[str, int]
    tables: dict[str, int] = field(default_factory=dict)


_FACTS = {
    "revision": "SELECT version_num FROM alembic_version",
    "clock": "SELECT node, seq FROM sync_clock WHERE id = 1",
    "vector": "SELECT dev, acked, acked_h FROM incarnation",
    "files": "SELECT sha256, size FROM stored_file",
}


def dump(engine: Engine, folder: Path) -> Image:
    """Write an image of the running database into an empty folder."""
    return _dump_sqlite(engine, folder) if engine.dialect.name == "sqlite" else _dump_postgres(engine, folder)


def _image(dialect: str, facts: dict[str, list[Any]]) -> Image:
    if not facts["revision"]:
        raise BackupError("the database has no schema")
    node, seq = facts["clock"][0] if facts["clock"] else ("", 0)
    return Image(
        dialect, facts["revision"][0][0], node, int(seq),
        {dev: (int(acked), h) for dev, acked, h in facts["vector"]}, {key: int(size) for key, size in facts["files"]},
    )  # fmt: skip


def _dump_sqlite(engine: Engine, folder: Path) -> Image:
    target = folder / SQLITE_NAME
    copy = sqlite3.connect(target)
    source = engine.raw_connection()
    try:
        # All pages in one step: one reading transaction, writers go on in the WAL.
        source.driver_connection.backup(copy, pages=-1)  # type: ignore[union-attr]
        copy.execute("PRAGMA journal_mode=DELETE")
        if copy.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise BackupError("integrity check of the copy failed")
        facts = {name: copy.execute(sql).fetchall() for name, sql in _FACTS.items()}
    finally:
        source.close()
        copy.close()
    _sync(target)
    return _image("sqlite", facts)


def _dump_postgres(engine: Engine, folder: Path) -> Image:
    with engine.connect() as connection:
        connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        image = _image(
            "postgresql", {name: [tuple(row) for row in connection.execute(text(sql))] for name, sql in _FACTS.items()}
        )
        inspector = inspect(connection)
        driver: Any = connection.connection.driver_connection
        for table in _tables(inspector):
            columns = _columns(inspector, table)
            # The log is written in chain order, so that it can be proven while it is read once.
            order = ' ORDER BY "dev", "n"' if table == "op_log" else ""
            path = folder / f"{table}.copy"
            with driver.cursor() as cursor, path.open("wb") as target:
                with cursor.copy(f'COPY (SELECT {columns} FROM "{table}"{order}) TO STDOUT') as stream:
                    for data in stream:
                        target.write(data)
                image.tables[table] = cursor.rowcount
            _sync(path)
        connection.rollback()
    return image


def _tables(inspector: Any) -> list[str]:
    """Every table but the migrations' own, parents first. A partition is part of its table, whatever months there are where it is read back."""
    left_out = {"alembic_version", *inspector.bind.execute(text("SELECT relname FROM pg_class WHERE relispartition")).scalars()}
    return [name for name, _ in inspector.get_sorted_table_and_fkc_names() if name is not None and name not in left_out]


def _columns(inspector: Any, table: str) -> str:
    """By name; the log's own proof comes first, so that it is found in every version."""
    names = sorted(column["name"] for column in inspector.get_columns(table))
    if table == "op_log":
        names = [*CHAIN_COLUMNS, *(name for name in names if name not in CHAIN_COLUMNS)]
    return ", ".join(f'"{name}"' for name in names)


def _sync(path: Path) -> None:
    with path.open("rb+") as handle:
        os.fsync(handle.fileno())


def prove(folder: Path, image: Image) -> int:
    """Fold every author's hash chain over the saved log. Gives the number of ops; raises BackupError when a chain is not whole."""
    heads: dict[str, tuple[int, str]] = {}
    count = 0
    try:
        for dev, n, h, line in _log_of(folder, image):
            last, prev_h = heads.get(dev, (0, GENESIS))
            if n != last + 1 or chain(prev_h, line) != h:
                raise BackupError(f"the saved log of {dev} breaks at {n}")
            heads[dev] = (n, h)
            count += 1
    except SealBroken as error:
        raise BackupError(f"{error}: XUNAN_DATA_KEYS must hold every key this log was sealed with") from None
    for dev, head in image.vector.items():
        if heads.get(dev, (0, GENESIS)) != head:
            raise BackupError(f"the saved log of {dev} does not reach {head[0]}")
    for table, rows in image.tables.items():
        if _lines(folder / f"{table}.copy") != rows:
            raise BackupError(f"rows are missing in {table}")
    return count


def _log_of(folder: Path, image: Image) -> Iterator[tuple[str, int, str, bytes]]:
    if image.dialect == "sqlite":
        log = sqlite3.connect(f"file:{folder / SQLITE_NAME}?mode=ro", uri=True)
        try:
            for dev, n, h, kept in log.execute("SELECT dev, n, h, line FROM op_log ORDER BY dev, n"):
                yield dev, n, h, read_line(dev, n, h, kept)
        finally:
            log.close()
        return
    with (folder / "op_log.copy").open("rb") as rows:
        for row in rows:
            dev, n, h, line = row.split(b"\t", len(CHAIN_COLUMNS))[: len(CHAIN_COLUMNS)]
            # bytea is written as \\x and hex digits.
            chain = dev.decode(), int(n), h.decode()
            yield *chain, read_line(*chain, bytes.fromhex(line[3:].decode()))


def _lines(path: Path) -> int:
    with path.open("rb") as rows:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: rows.read(CHUNK_BYTES), b""))


def load(engine: Engine, folder: Path, image: Image) -> None:
    """Replace the database by an image and bring its schema up to date. Raises BackupError for another kind of database."""
    if engine.dialect.name != image.dialect:
        raise BackupError(f"this is an image of {image.dialect}, the configured database is {engine.dialect.name}")
    if image.dialect == "sqlite":
        _load_sqlite(engine, folder)
    else:
        _load_postgres(engine, folder, image)
    migrate(engine)


def _load_sqlite(engine: Engine, folder: Path) -> None:
    engine.dispose()
    target = engine.raw_connection()
    source = sqlite3.connect(f"file:{folder / SQLITE_NAME}?mode=ro", uri=True)
    try:
        source.backup(target.driver_connection, pages=-1)  # type: ignore[arg-type]
        target.driver_connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[union-attr]
    finally:
        source.close()
        target.close()
    engine.dispose()


def _load_postgres(engine: Engine, folder: Path, image: Image) -> None:
    with engine.begin() as connection:
        for name in inspect(connection).get_table_names():
            connection.execute(text(f'DROP TABLE IF EXISTS "{name}" CASCADE'))
    migrate(engine, image.revision)
    with engine.begin() as connection:
        inspector = inspect(connection)
        driver: Any = connection.connection.driver_connection
        for table in _tables(inspector):
            path = folder / f"{table}.copy"
            if not path.exists():
                raise BackupError(f"the image has no {table}")
            with driver.cursor() as cursor:
                cursor.execute(f'DELETE FROM "{table}"')
                with cursor.copy(f'COPY "{table}" ({_columns(inspector, table)}) FROM STDIN') as stream, path.open("rb") as rows:
                    while chunk := rows.read(CHUNK_BYTES):
                        stream.write(chunk)
            _set_counter(connection, inspector, table)


def _set_counter(connection: Any, inspector: Any, table: str) -> None:
    """A serial id goes on after the highest restored one."""
    if not any(column["name"] == "id" for column in inspector.get_columns(table)):
        return
    counter = connection.execute(text("SELECT pg_get_serial_sequence(:name, 'id')"), {"name": f'"{table}"'}).scalar()
    if counter is not None:
        connection.execute(
            text(f'SELECT setval(:counter, COALESCE((SELECT MAX(id) FROM "{table}"), 0) + 1, false)'), {"counter": counter}
        )
