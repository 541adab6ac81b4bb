"""Accounts on a hub: users, posts and devices as the centre last told them; sign-ins and what devices said of themselves go back.

Owns both directions. Invariants: the centre is the only place where accounts are changed, a hub copies its rows whole; a sign-in made
on one node holds on the other, or an op pushed at the next would name a stranger; an end of a sign-in is never undone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from server.accounts import audit, second_factor, sessions
from server.accounts.models import Device, Grant, Post, SecondFactor, User
from server.accounts.rights import NODE
from server.db import Base, unit
from server.settings import Settings

# In the order in which rows may refer to each other.
COPIED = (User, SecondFactor, Device, Post, Grant)
# Sealed with a key of the node's own: they travel open, over the authorised line, and are sealed again where they arrive.
SEALED = ("secret", "pending")
Rows = dict[str, list[dict[str, Any]]]


def table_of(model: type[Base]) -> Table:
    """The table of a mapped class."""
    table = model.__table__
    assert isinstance(table, Table)
    return table


def told(session: Session) -> tuple[str, Rows]:
    """Every account of this node and a digest of them."""
    rows: Rows = {}
    for model in COPIED:
        table = table_of(model)
        found = session.execute(select(table).order_by(*table.primary_key.columns)).mappings()
        rows[f"{table.name}"] = [_out(_opened(row) if model is SecondFactor else row) for row in found]
    session.rollback()
    lasting = {name: [_lasting(row) for row in each] for name, each in rows.items()}
    return sha256(orjson.dumps(lasting)).hexdigest(), rows


def _out(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {f"{name}": value.hex() if isinstance(value, bytes) else value for name, value in row.items()}


def _opened(row: Mapping[Any, Any]) -> Mapping[Any, Any]:
    return {**row, **{name: second_factor.open_secret(row["id"], row[name]) for name in SEALED if row[name] is not None}}


def _sealed(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, **{name: second_factor.close_secret(values["id"], values[name]) for name in SEALED if values.get(name) is not None}}


def _lasting(row: Mapping[str, Any]) -> dict[str, Any]:
    """Without what changes with every contact, touch or code."""
    return {name: value for name, value in row.items() if name not in ("last_seen", "status", "seen_at", "last_step")}


def copy(session: Session, rows: Rows) -> None:
    """On the hub: take over the centre's accounts."""
    with unit(session):
        for model in COPIED:
            for row in rows.get(table_of(model).name, ()):
                held = session.get(model, row["id"])
                values = _in(model, row)
                if isinstance(held, Device | SecondFactor | Grant):
                    values = _lasting(values)
                if model is SecondFactor:
                    values = _sealed(values)
                if isinstance(held, Grant) and held.revoked_at is not None:
                    values["revoked_at"] = min(held.revoked_at, values["revoked_at"] or held.revoked_at)
                session.add(held := model()) if held is None else None
                for name, value in values.items():
                    setattr(held, name, value)
            session.flush()


def _in(model: type[Base], row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as this version knows it: a column it has not heard of is for a later one."""
    columns = table_of(model).columns
    binary = {column.name for column in columns if column.type.python_type is bytes}
    return {
        name: bytes.fromhex(value) if name in binary and value is not None else value for name, value in row.items() if name in columns
    }


def back(session: Session) -> Rows:
    """On the hub: what the centre may not know yet."""
    _, rows = told(session)
    devices = [{name: row[name] for name in ("id", "last_seen", "status")} for row in rows["device"] if row["last_seen"]]
    return {"grant": rows["grant"], "device": devices}


def welcome(session: Session, settings: Settings, rows: Mapping[str, Sequence[Mapping[str, Any]]], at: int, hub: str) -> None:
    """On the centre: sign-ins made at a hub, ends of sign-ins, and what devices said there.

    A sign-in holds here no longer than one made here, opens nothing that asks who one is, and is put down to the hub that told of it.
    """
    with unit(session):
        users, devices = set(session.scalars(select(User.id))), {device.id: device for device in session.scalars(select(Device))}
        grants = {grant.id: grant for grant in session.scalars(select(Grant))}
        tokens = {grant.token_hash for grant in grants.values()}
        for row in rows.get("grant", ()):
            held = grants.get(row["id"])
            if held is None and row["user_id"] in users and row["device_id"] in devices and row["token_hash"] not in tokens:
                tokens.add(row["token_hash"])
                made = Grant(**_in(Grant, row))
                where = devices[made.device_id]
                if where.kind == NODE:
                    continue
                made.created_at, made.confirmed_at = min(made.created_at, at), None
                made.expires_at = min(made.expires_at, at + sessions.lifetime_ms(settings, where))
                made.seen_at = min(made.seen_at, at) if made.seen_at is not None else None
                session.add(made)
                audit.note(session, at, made.user_id, "login", hub, made.device_id, told=True)
            elif held is not None and held.revoked_at is None and row["revoked_at"] is not None:
                held.revoked_at = row["revoked_at"]
                audit.note(session, at, held.user_id, "session_ended", hub, held.device_id, told=True)
        for row in rows.get("device", ()):
            device = devices.get(row["id"])
            if device is not None and row["last_seen"] > (device.last_seen or 0):
                device.last_seen, device.status = row["last_seen"], row["status"]
