"""Snapshots: what a new device loads first (P-29)."""

from __future__ import annotations

import gzip
from pathlib import Path

import orjson

from server.db import db
from server.ledger import snapshots
from tests.server.ledger.world import STATION, TOWN, World, rec_id, reg


def test_a_snapshot_and_the_pull_after_it_give_everything_p_29(world: World, tmp_path: Path) -> None:
    a, fresh = world.device("a"), world.device("fresh")
    for number in range(150):
        a.create_hazard(rec_id(number))
    a.send()
    listing = snapshots.listing(db.session(), (TOWN, STATION), tmp_path)
    a.write(rec_id(3), "hazard", {"place": reg("后来")})
    a.create_hazard(rec_id(900))
    a.send()
    for entry in listing["scopes"]:
        shot = snapshots.get(db.session(), entry["scope"], tmp_path)
        assert (shot.etag, shot.bytes) == (entry["etag"], entry["bytes"])
        head, *packs = gzip.decompress(snapshots.content(shot)).splitlines()
        assert orjson.loads(head)["count"] == entry["count"]
        for pack in packs:
            fresh.states |= {state["id"]: state for state in orjson.loads(pack)}
    assert len(fresh.states) == 150
    fresh.cursor = listing["cursor"]
    fresh.pull_all()
    a.pull_all()
    assert fresh.states == a.states


def test_a_snapshot_is_built_once_and_served_to_every_device_p_29(world: World, tmp_path: Path) -> None:
    a = world.device("a")
    a.create_hazard(rec_id(1))
    a.send()
    first = snapshots.get(db.session(), STATION, tmp_path)
    a.create_hazard(rec_id(2))
    a.send()
    assert snapshots.get(db.session(), STATION, tmp_path) == first, "a few changes are left to the pull"
    first.path.unlink()
    rebuilt = snapshots.get(db.session(), STATION, tmp_path)
    assert rebuilt.count == 2
    assert rebuilt.path.exists()
