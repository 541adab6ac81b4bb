"""Names behind ids: users, devices, stations and referenced records, looked up once per answer.

Owns the batched look-ups; a name of a personal record leaves this module masked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.accounts.models import Device, User
from server.centre.masking import mask_value
from server.centre.reader import Reader
from server.centre.tables import core_table, has_table, kind_named, table_of
from sync.fields import Kind

CHUNK = 500


def _chunks(ids: Iterable[str]) -> Iterable[list[str]]:
    wanted = sorted({each for each in ids if isinstance(each, str) and each})
    for start in range(0, len(wanted), CHUNK):
        yield wanted[start : start + CHUNK]


def user_names(session: Session, ids: Iterable[str]) -> dict[str, str]:
    """Names of users by id; an id that is no user is simply missing."""
    user = core_table(User.__tablename__)
    found: dict[str, str] = {}
    for part in _chunks(ids):
        rows = session.execute(select(user.c.id, user.c.name).where(user.c.id.in_(part)))
        found.update((user_id, name) for user_id, name in rows)
    return found


def devices_named(session: Session, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Enrolled devices by id: {id, name, letter, kind}. An id that is no device (this server's own) is missing."""
    device = core_table(Device.__tablename__)
    found: dict[str, dict[str, Any]] = {}
    for part in _chunks(ids):
        rows = session.execute(select(device.c.id, device.c.name, device.c.letter, device.c.kind).where(device.c.id.in_(part)))
        for row in rows:
            found[row.id] = {"id": row.id, "name": row.name, "letter": row.letter, "kind": row.kind}
    return found


def station_names(session: Session, codes: Iterable[str] | None = None) -> dict[str, str]:
    """Names of stations by code: of all of them, or of the given codes."""
    station = table_of("station")
    wanted = select(station.c.code, station.c.name).where(station.c.life, station.c.code.is_not(None))
    if codes is not None:
        wanted = wanted.where(station.c.code.in_(sorted(set(codes))))
    return {code: name or code for code, name in session.execute(wanted)}


def titles(session: Session, reader: Reader, kind_name: str, ids: Iterable[str]) -> dict[str, str]:
    """Titles of referenced records the reader may see; those of people are masked."""
    kind = kind_named(kind_name)
    if kind is None or not has_table(kind_name):
        return {}
    table = table_of(kind_name)
    column = table.c[kind.title_field]
    field = kind.field(kind.title_field)
    found: dict[str, str] = {}
    for part in _chunks(ids):
        rows = session.execute(select(table.c.id, table.c.scope, column).where(table.c.id.in_(part)))
        for record_id, scope, title in rows:
            if title is not None and reader.may_see(scope):
                found[record_id] = str(mask_value(kind, field, title))
    return found


def titles_by_code(session: Session, reader: Reader, kind_name: str, codes: Iterable[str]) -> dict[str, str]:
    """Titles of the records of a kind that the reader may see, by their code."""
    kind, table = kind_named(kind_name), table_of(kind_name)
    if kind is None:
        return {}
    found: dict[str, str] = {}
    for part in _chunks(codes):
        rows = session.execute(select(table.c.code, table.c.scope, table.c[kind.title_field]).where(table.c.code.in_(part), table.c.life))
        found.update((code, str(title)) for code, scope, title in rows if title is not None and reader.may_see(scope))
    return found


def names_in(session: Session, reader: Reader, kind: Kind, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Look up everything that the values of some rows of a kind point to: {users, refs}; names of codes stand among the refs."""
    users: set[str] = set()
    refs: dict[str, set[str]] = {}
    codes: dict[str, set[str]] = {}
    for values in rows:
        for field in kind.fields:
            value = values.get(field.name)
            if field.codes is not None:
                codes.setdefault(field.codes, set()).update(each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str))
            if not isinstance(value, str):
                continue
            if field.type == "user":
                users.add(value)
            elif field.type == "ref" and field.ref is not None:
                refs.setdefault(field.ref, set()).add(value)
    named: dict[str, str] = {}
    for name, ids in sorted(refs.items()):
        named.update(titles(session, reader, name, ids))
    for name, wanted in sorted(codes.items()):
        named.update(titles_by_code(session, reader, name, wanted))
    return {"users": user_names(session, users), "refs": named}
