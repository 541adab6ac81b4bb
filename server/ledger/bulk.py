"""Bulk statements: many rows in one call on SQLite and PostgreSQL.

Owns the two dialects' fastest plain way to insert, update and read by id; knows no meaning of any table.
SQLite takes executemany of one prepared statement; PostgreSQL takes one statement over arrays, one round trip.
Values must already be driver primitives (str, int, bool, bytes, None) in column order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from server.db import Base

Row = tuple[Any, ...]
_PG = postgresql.dialect()  # type: ignore[no-untyped-call]


def _table(name: str) -> Table:
    return Base.metadata.tables[name]


@lru_cache(maxsize=4096)
def _pg_arrays(table: str, columns: tuple[str, ...]) -> str:
    """`unnest(%s::text[], …)` with the array type of every column."""
    parts = []
    for column in columns:
        kind = _table(table).c[column].type.compile(_PG).split("(")[0]
        parts.append(f"%s::{kind}[]")
    return f"unnest({', '.join(parts)})"


def _quoted(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


@lru_cache(maxsize=4096)
def _insert_sql(table: str, columns: tuple[str, ...], postgres: bool, suffix: str) -> str:
    head = f'INSERT INTO "{table}" ({_quoted(columns)})'
    if postgres:
        return f"{head} SELECT * FROM {_pg_arrays(table, columns)} {suffix}"
    # SQLite cannot parse ON CONFLICT after a SELECT without a WHERE, but it takes VALUES as it is.
    return f"{head} VALUES ({', '.join('?' * len(columns))}) {suffix}"


@lru_cache(maxsize=4096)
def _update_sql(table: str, columns: tuple[str, ...], postgres: bool) -> str:
    """Update by `id`, which is the last column. `created_at` only falls, `updated_at` only rises."""
    least, greatest = ("LEAST", "GREATEST") if postgres else ("MIN", "MAX")
    sets = []
    for column in columns[:-1]:
        new = f'new."{column}"' if postgres else "?"
        if column == "created_at":
            new = f"{least}(old.created_at, {new})"
        elif column == "updated_at":
            new = f"{greatest}(old.updated_at, {new})"
        sets.append(f'"{column}" = {new}')
    head = f'UPDATE "{table}" AS old SET {", ".join(sets)}'
    if postgres:
        return f"{head} FROM {_pg_arrays(table, columns)} AS new ({_quoted(columns)}) WHERE old.id = new.id"
    return f"{head} WHERE id = ?"


@dataclass(frozen=True, slots=True)
class Statement:
    """A write of many rows, not sent yet."""

    sql: str
    rows: Sequence[Row]


class Bulk:
    """Bulk statements on the connection of one open transaction."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.connection: Connection = session.connection()
        self.postgres = self.connection.dialect.name == "postgresql"

    def inserting(self, table: str, columns: tuple[str, ...], rows: Sequence[Row], suffix: str = "") -> Statement:
        """Insert rows; `suffix` may be an ON CONFLICT clause that both databases understand."""
        return Statement(_insert_sql(table, columns, self.postgres, suffix), rows)

    def updating(self, table: str, columns: tuple[str, ...], rows: Sequence[Row]) -> Statement:
        """Update rows by id, each once; the last column must be `id`."""
        return Statement(_update_sql(table, columns, self.postgres), rows)

    def insert(self, table: str, columns: tuple[str, ...], rows: Sequence[Row], suffix: str = "") -> None:
        """Insert rows now."""
        self.run(self.inserting(table, columns, rows, suffix))

    def update(self, table: str, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
        """Update rows now."""
        self.run(self.updating(table, columns, rows))

    def run(self, *statements: Statement) -> None:
        """Do writes that touch different rows. PostgreSQL takes them as one statement: one round trip."""
        found = [each for each in statements if each.rows]
        if not found:
            return
        if self.postgres:
            *before, last = (each.sql for each in found)
            head = ", ".join(f"w{number} AS ({sql})" for number, sql in enumerate(before))
            values = tuple(list(column) for each in found for column in zip(*each.rows, strict=True))
            self.connection.exec_driver_sql(f"WITH {head} {last}" if head else last, values)
            return
        for each in found:
            self.connection.exec_driver_sql(each.sql, each.rows[0] if len(each.rows) == 1 else list(each.rows))

    def select_in(self, columns: str, table: str, key: str, keys: Sequence[str], suffix: str = "") -> Sequence[Any]:
        """Rows whose `key` is among `keys`, with one statement text for any number of keys."""
        if not keys:
            return []
        if self.postgres:
            sql = f'SELECT {columns} FROM "{table}" WHERE "{key}" = ANY(%s) {suffix}'
            return self.connection.exec_driver_sql(sql, (list(keys),)).fetchall()
        sql = f'SELECT {columns} FROM "{table}" WHERE "{key}" IN (SELECT value FROM json_each(?)) {suffix}'
        return self.connection.exec_driver_sql(sql, (orjson.dumps(list(keys)).decode(),)).fetchall()

    def select(self, sql: str, values: Row) -> Sequence[Any]:
        """Any reading statement written with `?` marks."""
        return self.connection.exec_driver_sql(self._marks(sql), values).fetchall()

    def execute(self, sql: str, values: Row) -> None:
        """Any single writing statement written with `?` marks."""
        self.connection.exec_driver_sql(self._marks(sql), values)

    def _marks(self, sql: str) -> str:
        return sql.replace("?", "%s") if self.postgres else sql
