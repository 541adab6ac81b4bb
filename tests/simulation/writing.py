"""How a person on a device writes: which device, which record, with which parents. Owns these steps of the actions; holds no assertion."""

from __future__ import annotations

from random import Random
from typing import Any
from uuid import UUID

from sync.merge_kinds import shown_value
from sync.record import Record
from tests.server.ledger.world import STATION
from tests.simulation.handheld import Handheld
from tests.simulation.town import Town


def some_device(town: Town, random: Random) -> Handheld:
    """A device whose user sees what it holds; one that lost its view first has to load it again."""
    able = [device for device in town.devices if device.name not in town.blind]
    return random.choice(able or town.devices)


def write(town: Town, device: Handheld, rec: str, kind: str, fields: dict[str, Any], **more: Any) -> None:
    record = device.view(rec, kind)
    scope = record.scope or str(fields.get("scope", {}).get("v", STATION))
    town.save(device, [{"rec": rec, "kind": kind, "scope": scope, "f": fields, "schema": 1, "app": town.fact(device.name), **more}])


def reg(record: Record, name: str, value: Any, device: Handheld | None = None) -> dict[str, Any]:
    """A register write by someone who saw the shown value and what he wrote himself; without a device: who decides between all."""
    live = record.reg.get(name, [])
    if device is None:
        return {"k": "reg", "v": value, "b": sorted(stamp for stamp, _ in live)}
    dev, shown = device.disk.own.dev, shown_value(record, name)
    seen = {stamp for stamp, held in live if held == shown or stamp.startswith(dev)}
    # Also what of his own waits for a parent or for a person: it must not come back beside his newer edit.
    seen |= {entry[0] for entry in record.wait if entry[3] == name and entry[0].startswith(dev)}
    seen.update(device.kept_aside(record.id, name))
    return {"k": "reg", "v": value, "b": sorted(seen)}


def station(device: Handheld) -> str:
    return next((scope for scope in device.scopes if scope.startswith("station:")), STATION)


def new_id(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


def pick_record(town: Town, random: Random, kind: str) -> tuple[Handheld, str] | None:
    device = some_device(town, random)
    known = device.known(kind)
    # Mostly the same few records, so that edits meet.
    return (device, random.choice(known[:4])) if known else None
