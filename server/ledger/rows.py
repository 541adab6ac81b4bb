"""From a folded record to the row of its typed table.

Owns the projection of shown values to driver primitives; decides nothing about merging.
Invariants: a value of an unexpected type becomes NULL, never an error - the state keeps it, people still see it; a kind
without a typed table has no row and loses nothing; a sensitive field is sealed here, found only by its blind index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

import orjson

from server.kinds import KINDS, MODELS
from server.seal import seal
from sync.fields import Field, Kind
from sync.merge_kinds import (
    counter_state,
    is_visible,
    log_entries,
    set_values,
    shown_value,
)
from sync.record import Record

_BIGINT_MAX = 2**63 - 1
Value = Any
# Columns every write brings, after the projected ones. `scope` is separate: rewriting an indexed column costs even when equal.
STANDING = ("life", "in_dispute", "created_at", "updated_at")


def json_text(value: Any) -> str:
    """Compact JSON text without NUL, which PostgreSQL refuses."""
    return orjson.dumps(value).decode().replace("\\u0000", "")


def _text(value: Any) -> Value:
    return value.replace("\0", "") if isinstance(value, str) else None


def _date(value: Any) -> Value:
    return value if isinstance(value, str) and len(value) == 10 and value.isascii() else None


def _int(value: Any) -> Value:
    return value if type(value) is int and -_BIGINT_MAX <= value <= _BIGINT_MAX else None


def _bool(value: Any) -> Value:
    return value if isinstance(value, bool) else None


def _time(value: Any) -> Value:
    """An ISO time with offset becomes UTC milliseconds."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return None if moment.tzinfo is None else int(moment.timestamp() * 1000)

DIGITS_MAX = 18


def _hundredths(value: Any) -> Value:
    if not isinstance(value, str):
        return None
    try:
        scaled = Decimal(value).scaleb(2)
        # An exponent may stand for more digits than there is memory: nothing of the field is that large.
        return _int(int(scaled)) if scaled.is_finite() and scaled.adjusted() < DIGITS_MAX else None
    except ArithmeticError:
        return None


def _json(value: Any) -> Value:
    return None if value is None else json_text(value)


_PLAIN: dict[str, Callable[[Any], Value]] = {
    "text": _text, "note": _text, "choice": _text, "ref": _text, "user": _text, "date": _date,
    "int": _int, "bool": _bool, "time": _time, "decimal2": _hundredths,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """One typed column and how to read it from a record."""

    name: str
    read: Callable[[Record], Value]
    # A counter nobody moved stands at nought; every other column of a field nobody wrote is NULL.
    shows_unwritten: bool = False


def _plain_reader(field: Field) -> Callable[[Record], Value]:
    convert = _PLAIN.get(field.type, _json)
    name = field.name
    return lambda record: convert(shown_value(record, name, field))


def _sealed_reader(kind: str, field: Field) -> Callable[[Record], Value]:
    convert, name = _PLAIN.get(field.type, _json), field.name
    column = f"{kind}.{name}"

    def read(record: Record) -> Value:
        value = convert(shown_value(record, name, field))
        return None if value is None else seal.close_text(column, record.id, str(value))

    return read


def _log_reader(name: str) -> Callable[[Record], Value]:
    def read(record: Record) -> Value:
        entries = [
            {"stamp": stamp, "v": value, "user": user, "at": at_c, "retracted": retracted}
            for stamp, value, retracted, user, at_c in log_entries(record, name)
        ]
        return json_text(entries) if entries else None

    return read


def _set_reader(name: str) -> Callable[[Record], Value]:
    def read(record: Record) -> Value:
        values = set_values(record, name)
        return json_text(values) if values else None

    return read


def _map_reader(field: Field) -> Callable[[Record], Value]:
    prefix = field.name + "."

    def read(record: Record) -> Value:
        answers = {name[len(prefix) :]: shown_value(record, name, None) for name in record.reg if name.startswith(prefix)}
        return json_text(answers) if answers else None

    return read


def _point_part(name: str, key: str) -> Callable[[Record], Value]:
    def read(record: Record) -> Value:
        point = shown_value(record, name, None)
        return _int(point.get(key)) if isinstance(point, dict) else None

    return read


def _columns_of_field(kind: str, field: Field, table_columns: set[str]) -> list[Column]:
    """The column of a field and its companions."""
    name = field.name
    if field.merge == "counter":
        found = [Column(name, lambda record: _int(counter_state(record, name).value), shows_unwritten=True)]
        if f"{name}_recount" in table_columns:
            found.append(Column(f"{name}_recount", lambda record: counter_state(record, name).recount_advised, shows_unwritten=True))
        return found
    if field.merge == "append":
        return [Column(name, _log_reader(name))]
    if field.merge in ("set", "file", "track"):
        return [Column(name, _set_reader(name))]
    if field.merge == "map":
        return [Column(name, _map_reader(field))]
    if field.privacy == "sensitive":
        return [Column(name, _sealed_reader(kind, field))]
    found = [Column(name, _plain_reader(field))]
    if field.type == "point" and "lat_e7" in table_columns:
        found += [Column("lat_e7", _point_part(name, "lat_e7")), Column("lon_e7", _point_part(name, "lon_e7"))]
    return found


class Projection:
    """How one kind's records become rows."""

    def __init__(self, kind: Kind) -> None:
        self.table = f"k_{kind.name}"
        table_columns = set(MODELS[kind.name].__table__.columns.keys())
        self.by_field = {field.name: _columns_of_field(kind.name, field, table_columns) for field in kind.fields}
        self.all = [column for columns in self.by_field.values() for column in columns]
        self.insert_columns = (*(column.name for column in self.all), "scope", *STANDING, "id")

    def whole(self, record: Record) -> list[Value]:
        """Every column, those of written fields read: a new record rarely has half of them."""
        written = {name.split(".", 1)[0] for part in (record.reg, record.ctr, record.sets, record.log) for name in part}
        return [
            column.read(record) if name in written or column.shows_unwritten else None
            for name, columns in self.by_field.items()
            for column in columns
        ]

    def changed(self, names: Iterable[str]) -> list[Column]:
        """Columns that depend on the named wire fields, in declared order."""
        wanted = {name.split(".", 1)[0] for name in names}
        return [column for name, columns in self.by_field.items() if name in wanted for column in columns]


@cache
def projection(kind: str) -> Projection | None:
    """The projection of a kind, or nothing for a kind this version does not know."""
    return Projection(KINDS[kind]) if kind in KINDS else None


def standing(record: Record, disputed: bool, first_at: int, last_at: int) -> tuple[Value, ...]:
    """Values of STANDING and the id."""
    return (is_visible(record), disputed, first_at, last_at, record.id)
