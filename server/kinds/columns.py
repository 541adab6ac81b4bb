"""Helpers that declare one record field as one typed column.

Owns the step from a declaration (label, merge kind, type, unit, limit, choices, privacy) to a SQLAlchemy column that
carries its `sync.fields.Field` in `column.info["field"]`. Must not know any concrete kind.
Columns hold *shown* values: a cache of the fold that may be dropped and rebuilt at any time, hence all nullable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Boolean, String, Text
from sqlalchemy.orm import Mapped, MappedColumn, declared_attr, mapped_column
from sqlalchemy.types import TypeEngine

from server.db import Hundredths, JsonText
from sync.fields import ChoiceList, Field, Kind, Merge, Privacy, Scope, Type

Str = str | None
Int = int | None
Bool = bool | None
Json = Any

EVERYONE = ("patroller", "head", "operator", "admin")
HEADS = ("head", "operator", "admin")
TOWN = ("operator", "admin")
ADMIN = ("admin",)

NOTE_MAX = 2000
TEXT_MAX = 200

_SQL_TYPES: dict[str, TypeEngine[Any]] = {
    "text": String(), "choice": String(), "ref": String(), "user": String(), "date": String(10),
    "note": Text(), "int": BigInteger(), "time": BigInteger(), "decimal2": Hundredths(), "bool": Boolean(),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class About:
    """What a kind says of itself besides its fields."""

    zh: str
    en: str
    scope: Scope
    write_roles: tuple[str, ...]
    title_field: str
    personal: bool = False
    # The field that names the record this one only speaks of: whoever erases that one erases this one (P-43).
    subject: str | None = None


class RecordRow:
    """Columns every typed table has. `life` is true while the record is visible; times are UTC milliseconds."""

    __kind__: ClassVar[About]

    id: Mapped[str] = mapped_column(String(80), primary_key=True, sort_order=-10)
    scope: Mapped[str] = mapped_column(String(80), index=True, sort_order=-9)
    life: Mapped[bool] = mapped_column(Boolean, sort_order=-7)
    in_dispute: Mapped[bool] = mapped_column(Boolean, sort_order=-6)
    created_at: Mapped[int] = mapped_column(BigInteger, sort_order=-5)
    updated_at: Mapped[int] = mapped_column(BigInteger, sort_order=-4)


class Located:
    """Numeric copies of the field `point` (WGS-84, 1e-7 degree) for boxes and distances in SQL."""

    @declared_attr
    def lat_e7(self) -> Mapped[Int]:
        """Latitude of `point`."""
        return mapped_column(BigInteger, sort_order=90)

    @declared_attr
    def lon_e7(self) -> Mapped[Int]:
        """Longitude of `point`."""
        return mapped_column(BigInteger, sort_order=91)


def declare(
    zh: str,
    en: str,
    value_type: Type = "text",
    merge: Merge = "register",
    *,
    choices: ChoiceList | None = None,
    unit: str | None = None,
    limit: int | None = None,
    privacy: Privacy = "none",
    required: bool = False,
    ref: str | None = None,
    codes: str | None = None,
    help_zh: str | None = None,
    index: bool = False,
    reserved: Mapping[str, tuple[str, ...]] | None = None,
) -> MappedColumn[Any]:
    """Declare one field. The attribute name becomes the wire name."""
    if set(reserved or ()) - {each.code for each in (choices.choices if choices is not None else ())}:
        raise ValueError(f"{zh}: only codes of its list can be reserved")
    if choices is not None and value_type == "text":
        value_type = "choice"
    if ref is not None and value_type == "text":
        value_type = "ref"
    if merge == "cautious" and (choices is None or choices.cautious is None):
        raise ValueError(f"{zh}: a cautious field needs a list with a declared order")
    if limit is None:
        limit = {"text": TEXT_MAX, "note": NOTE_MAX}.get(value_type)
    if privacy == "sensitive" and (merge != "register" or value_type not in ("text", "note")):
        raise ValueError(f"{zh}: only a text register can be sealed")
    plain = merge in ("register", "cautious", "counter")
    column_type = _SQL_TYPES.get(value_type, JsonText()) if plain else JsonText()
    declared = {
        "zh": zh, "en": en, "merge": merge, "type": value_type, "choices": choices, "unit": unit, "limit": limit,
        "privacy": privacy, "required": required, "ref": ref, "codes": codes, "help_zh": help_zh,
        "reserved": reserved or {},
    }  # fmt: skip
    return mapped_column(column_type, nullable=True, index=index, info={"declared": declared})


def kind_of(model: type[Any]) -> Kind:
    """Derive the `sync.fields.Kind` of a typed model and attach each Field to its column."""
    about: About = model.__kind__
    fields: list[Field] = []
    for column in model.__table__.columns:
        declared = column.info.get("declared")
        if declared is not None:
            column.info["field"] = Field(name=column.name, **declared)
            fields.append(column.info["field"])
    name = model.__tablename__.removeprefix("k_")
    if about.title_field not in {each.name for each in fields}:
        raise ValueError(f"{name}: title field {about.title_field} is not declared")
    return Kind(
        name=name, zh=about.zh, en=about.en, scope=about.scope, fields=tuple(fields),
        write_roles=about.write_roles, title_field=about.title_field, personal=about.personal,
    )  # fmt: skip
