"""A scope held masked: everything of it but what is about people, in pages, departures, digests and packs (P-45)."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from server.db import db, reading
from server.ledger import feeds, snapshots
from server.ledger.feeds import masked
from server.ledger.verify import fold_anew
from tests.server.ledger.test_pull import digest_of
from tests.server.ledger.world import OPERATOR, OTHER, STATION, TOWN, Device, World, rec_id, reg

MASKED_TOWN = (masked(STATION), masked(OTHER), TOWN)
STATIONS = [STATION, OTHER]


def person(device: Device, number: int, scope: str = STATION) -> str:
    return device.write(rec_id(number), "person", {"scope": reg(scope), "name": reg("李四")}, scope=scope)


def packed(entry: dict[str, Any], held: tuple[str, ...], folder: Path) -> list[dict[str, Any]]:
    feed = next(each for each in held if feeds.scope_of(each) == entry["scope"])
    _, *packs = gzip.decompress(snapshots.content(snapshots.get(db.session(), feed, folder))).splitlines()
    return [state for pack in packs for state in orjson.loads(pack)]


@pytest.mark.parametrize("limit", [500, 2])
def test_nobody_comes_down_masked_and_everything_else_does(world: World, limit: int) -> None:
    author, reader = world.device("a"), world.device("e", OPERATOR, MASKED_TOWN)
    for number in range(1, 7):
        author.create_hazard(rec_id(number))
        person(author, 100 + number)
    author.write(rec_id(50), "drone_flight", {"scope": reg(STATION), "who": reg("李四")})
    author.send()
    answer = reader.pull_all(limit)
    assert set(reader.states) == {rec_id(number) for number in range(1, 7)}
    assert answer["scopes"] == {"granted": [*STATIONS, TOWN], "masked": STATIONS, "common": list(feeds.COMMON_KINDS), "revoked": []}
    assert answer["digest"][STATION] == digest_of(reader, STATION)
    person(author, 101)
    author.send()
    answer = reader.send()
    assert (answer["records"], answer["digest"][STATION]) == ([], digest_of(reader, STATION))
    assert author.pull_all()["digest"][STATION] == digest_of(author, STATION), "who holds all of it is told of all of it"
    assert fold_anew(db.session()).ok


def test_who_gets_a_post_at_the_station_is_sent_its_people_and_who_loses_it_keeps_the_rest(world: World) -> None:
    author, reader = world.device("a"), world.device("e", OPERATOR, MASKED_TOWN)
    for number in range(1, 5):
        author.create_hazard(rec_id(number))
        person(author, 100 + number)
    author.send()
    reader.pull_all()
    reader.caller = type(reader.caller)("d_e", (masked(OTHER), STATION, TOWN))
    answer = reader.pull_all(limit=3)
    assert len(reader.states) == 8
    assert (answer["scopes"]["masked"], answer["digest"][STATION]) == ([OTHER], digest_of(reader, STATION))
    reader.caller = type(reader.caller)("d_e", MASKED_TOWN)
    author.create_hazard(rec_id(5))
    author.send()
    answer = reader.send()
    assert [each["id"] for each in answer["records"]] == [rec_id(5)], "what was held already is not sent again"
    assert answer["scopes"] == {"granted": [*STATIONS, TOWN], "masked": STATIONS, "common": list(feeds.COMMON_KINDS), "revoked": []}
    assert answer["digest"][STATION]["count"] == 5


def test_of_people_who_leave_a_masked_scope_not_even_the_id_is_told(world: World) -> None:
    author, masked_reader = world.device("a"), world.device("e", OPERATOR, (masked(STATION), TOWN))
    whole = world.device("f", OPERATOR, (STATION, TOWN))
    base, own = author.create_hazard(rec_id(1)), person(author, 101)
    author.send()
    for reader in (masked_reader, whole):
        reader.pull_all()
    for rec, kind, stamp in ((rec_id(1), "hazard", base), (rec_id(101), "person", own)):
        author.write(rec, kind, {"scope": reg(OTHER, stamp)}, user=OPERATOR)
    assert {each["v"] for each in author.send()["verdicts"]} <= {"applied", "absorbed"}
    assert masked_reader.send()["gone"] == [rec_id(1)]
    assert whole.send()["gone"] == [rec_id(1), rec_id(101)]
    assert (set(masked_reader.states), set(whole.states)) == (set(), set())


def test_narrowed_in_the_middle_of_being_sent_a_scope_it_still_gets_the_rest_of_it(world: World) -> None:
    author, reader = world.device("a"), world.device("e", OPERATOR, (TOWN,))
    for number in range(1, 9):
        author.create_hazard(rec_id(number))
        person(author, 100 + number)
    author.send()
    reader.pull_all()
    reader.caller = type(reader.caller)("d_e", (STATION, TOWN))
    assert reader.send(limit=3)["more"] is True
    reader.caller = type(reader.caller)("d_e", (masked(STATION), TOWN))
    answer = reader.pull_all(limit=3)
    assert {rec_id(number) for number in range(1, 9)} <= set(reader.states)
    assert answer["digest"][STATION]["count"] == 8


def test_a_person_who_moves_to_a_station_held_masked_is_gone(world: World) -> None:
    author, reader = world.device("a"), world.device("e", OPERATOR, (masked(OTHER), STATION, TOWN))
    stamp = person(author, 1)
    author.create_hazard(rec_id(2))
    author.send()
    reader.pull_all()
    assert set(reader.states) == {rec_id(1), rec_id(2)}
    mover = world.device("m", OPERATOR, MASKED_TOWN)
    mover.write(rec_id(1), "person", {"scope": reg(OTHER, stamp)})
    mover.send()
    answer = reader.pull_all()
    assert set(reader.states) == {rec_id(2)}
    assert answer["digest"] == {scope: digest_of(reader, scope) for scope in (OTHER, STATION, TOWN)}


def test_a_pack_of_a_masked_scope_holds_nobody(world: World, tmp_path: Path) -> None:
    author = world.device("a")
    for number in range(1, 4):
        author.create_hazard(rec_id(number))
        person(author, 100 + number)
    author.send()
    whole = snapshots.listing(db.session(), (STATION, TOWN), tmp_path)
    listing = snapshots.listing(db.session(), (masked(STATION), TOWN), tmp_path)
    entry = next(each for each in listing["scopes"] if each["scope"] == STATION)
    assert (entry["count"], entry["url"]) == (3, f"/api/v1/snapshots/{STATION}")
    assert {state["kind"] for state in packed(entry, (masked(STATION),), tmp_path)} == {"hazard"}
    other = next(each for each in whole["scopes"] if each["scope"] == STATION)
    assert (other["count"], len(packed(other, (STATION,), tmp_path))) == (6, 6)
    reader = world.device("e", OPERATOR, (masked(STATION), TOWN))
    reader.cursor = listing["cursor"]
    assert reader.send()["records"] == []


def test_a_feed_of_another_version_is_another_feed(world: World) -> None:
    """An upgrade may declare a kind personal or learn a kind: what was sent by the old list of kinds is sent anew."""
    author, reader = world.device("a"), world.device("e", OPERATOR, (masked(STATION), TOWN))
    author.create_hazard(rec_id(1))
    author.send()
    reader.pull_all()
    with db.session.begin():
        for hashed, named in db.session.execute(text("SELECT hash, scopes FROM scope_set")).all():
            before = named.replace(feeds.MASKED, "masked-000000:")
            db.session.execute(text("UPDATE scope_set SET scopes = :named WHERE hash = :hashed"), {"named": before, "hashed": hashed})
            reader.states = {}
    answer = reader.pull_all()
    assert set(reader.states) == set(), "the cursor still names the same hash"
    reader.caller = type(reader.caller)("d_e", (masked(OTHER), masked(STATION), TOWN))
    answer = reader.pull_all()
    assert set(reader.states) == {rec_id(1)}
    assert answer["scopes"]["revoked"] == []


def test_the_digest_table_is_what_the_records_add_up_to(world: World) -> None:
    author = world.device("a")
    author.create_hazard(rec_id(1))
    person(author, 2)
    author.send()
    with reading() as session:
        rows = session.execute(text("SELECT scope, kind, count FROM scope_digest ORDER BY kind")).all()
    assert [tuple(row) for row in rows] == [(STATION, "hazard", 1), (STATION, "person", 1)]
