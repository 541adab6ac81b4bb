"""Access to the ledger's rows by record kind, and the town's calendar.

Owns name → table look-ups and the turning of one row into shown values; holds no query.
Invariants: a kind without a typed table is simply absent here (its records are still readable through the wire state);
times are UTC milliseconds, dates are the town's (UTC+8, which has no daylight saving).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, Table
from sqlalchemy.engine import RowMapping

from server.db import Base
from server.kinds import KINDS
from server.ledger import tables as ledger_tables
from server.seal import seal
from sync.fields import Field, Kind

TOWN_TIME = timezone(timedelta(hours=8))
DAY_MS = 86_400_000
STATION_PREFIX = "station:"


def kind_named(name: str) -> Kind | None:
    """The declared kind of that wire name."""
    return KINDS.get(name)


def table_of(kind: str) -> Table:
    """The typed table of a kind."""
    return Base.metadata.tables[f"k_{kind}"]


# Importing the ledger's tables is what puts them into the metadata, whoever imports this module first.
LEDGER_TABLES = tuple(each.__tablename__ for each in (ledger_tables.OpLog, ledger_tables.RecordState, ledger_tables.Conflict))


def core_table(name: str) -> Table:
    """A table of the ledger or of the accounts by its name."""
    return Base.metadata.tables[name]


def has_table(kind: str) -> bool:
    """Whether a kind has a typed table."""
    return f"k_{kind}" in Base.metadata.tables


def declared_columns(kind: Kind) -> list[tuple[Field, Column[Any]]]:
    """The fields of a kind with their columns, in declared order."""
    table = table_of(kind.name)
    return [(field, table.c[field.name]) for field in kind.fields if field.name in table.c]


def plain(value: Any) -> Any:
    """A column value as JSON carries it: decimals as strings, everything else as it is."""
    return str(value) if isinstance(value, Decimal) else value


def values_of(kind: Kind, row: Mapping[str, Any] | RowMapping) -> dict[str, Any]:
    """Shown values of one typed row, without the fields that were never set; sealed ones are opened."""
    return {
        field.name: seal.open_text(f"{kind.name}.{field.name}", row["id"], value) if field.privacy == "sensitive" else plain(value)
        for field in kind.fields
        if (value := row.get(field.name)) is not None
    }


def entries_of(column: object) -> list[dict[str, Any]]:
    """The live entries of an append column, without their envelope and without withdrawn ones."""
    if not isinstance(column, list):
        return []
    live = [each["v"] for each in column if isinstance(each, dict) and "v" in each and not each.get("retracted")]
    return [each for each in live if isinstance(each, dict)]


def station_of(scope: str) -> str | None:
    """Station code of a scope, or nothing for town and event records."""
    return scope.removeprefix(STATION_PREFIX) if scope.startswith(STATION_PREFIX) else None


def day_start_ms(now_ms: int) -> int:
    """Midnight of the town's day that contains a moment."""
    offset_ms = 8 * 3_600_000
    return (now_ms + offset_ms) // DAY_MS * DAY_MS - offset_ms


def day_of(now_ms: int, days: int = 0) -> str:
    """The town's date of a moment, moved by whole days."""
    moment = datetime.fromtimestamp(now_ms / 1000, TOWN_TIME) + timedelta(days=days)
    return moment.date().isoformat()


def iso(ms: int | None) -> str | None:
    """A moment as an ISO text with the town's offset."""
    if ms is None:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(TOWN_TIME).isoformat(timespec="seconds")
