"""A hub meets the centre: both end with the same ops, notes and records (P-60), whatever each had before."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from server.db import db, unit
from server.errors import ProblemError
from server.ledger import quarantine
from server.ledger.lines import read_line
from server.ledger.state import canonical
from server.ledger.verify import fold_anew
from server.nodes.meeting import meet, serve
from sync.fork import renumber
from sync.judge import Rights
from sync.stamp import GENESIS
from tests.server.ledger.world import Caller, Device, World, rec_id, reg
from tests.server.nodes.conftest import NOW, meeting
from tests.simulation.handheld import Gone


def states(session: Session) -> dict[str, tuple[str, bytes]]:
    """What a node would feed."""
    rows = session.execute(text("SELECT id, scope, state FROM record WHERE seq > 0")).all()
    session.rollback()
    return {rec: (scope, canonical(rec, bytes(state))) for rec, scope, state in rows}


def ops(session: Session) -> list[tuple[object, ...]]:
    """What a node has logged."""
    rows = session.execute(text("SELECT dev, n, h, line, device, rx_at, at_c, verdict FROM op_log ORDER BY dev, n")).all()
    session.rollback()
    return [(row[0], row[1], row[2], read_line(*row[:4]), *row[4:]) for row in rows]


def agree(hub: Session) -> None:
    """Both nodes hold the same."""
    met = meeting(hub)
    assert met.done
    assert states(hub) == states(db.session())
    assert fold_anew(hub).ok
    assert fold_anew(db.session()).ok


def at_hub(hub: Session, device: Device, rx_at: int = NOW) -> dict[str, object]:
    """One exchange of a device with the hub."""
    return device.send(session=hub, rx_at=rx_at)


def test_ops_go_both_ways_byte_for_byte(world: World, hub: Session) -> None:
    here, there = world.device("A"), world.device("B")
    here.create_hazard(rec_id(1))
    here.send()
    there.create_hazard(rec_id(2), title="积水")
    there.raw("{\"n\":2,\"坏".encode())
    at_hub(hub, there)
    met = meeting(hub)
    assert (met.given, met.taken, met.done) == (2, 1, True)
    assert ops(hub) == ops(db.session())
    agree(hub)
    # Who could not be read waits for a person on both.
    assert [entry.why for entry in quarantine.listed(db.session())] == [entry.why for entry in quarantine.listed(hub)] == ["bad_json"]


def test_edits_that_did_not_see_each_other_are_one_conflict_on_both(world: World, hub: Session) -> None:
    here, there = world.device("A"), world.device("B")
    first = here.create_hazard(rec_id(1))
    here.send()
    meeting(hub)
    here.write(rec_id(1), "hazard", {"title": reg("外墙脱落", first)})
    here.send()
    there.write(rec_id(1), "hazard", {"title": reg("积水", first)})
    assert at_hub(hub, there)["verdicts"] == [{"n": 1, "v": "applied"}]
    agree(hub)
    for session in (hub, db.session()):
        assert session.execute(text("SELECT count(*) FROM conflict WHERE closed_at IS NULL")).scalar_one() == 1
        session.rollback()


def test_an_op_that_both_nodes_got_from_its_device_has_one_time(world: World, hub: Session) -> None:
    """A clock far ahead is cut to the time of receipt, which differs: the earlier one holds."""
    device = world.device("A")
    device.create_hazard(rec_id(1))
    device.write(rec_id(1), "hazard", {"note": reg("后来")}, at="2036-11-24T08:00:00.000+00:00")
    body = device.body()
    device.send(body, rx_at=NOW)
    device.send(body, session=hub, rx_at=NOW - 5_000)
    assert states(hub) != states(db.session())
    agree(hub)
    assert dict(db.session.execute(text("SELECT n, at_c FROM op_log")).all())[2] == NOW - 5_000
    db.session.rollback()


def test_what_one_node_keeps_aside_waits_everywhere_until_a_person_accepts_it(world: World, hub: Session) -> None:
    device = world.device("A")
    device.create_hazard(rec_id(1))
    body = device.body()
    device.send(body, session=hub)
    # The centre knows already that its author has no rights any more.
    users = {user: rights for user, rights in device.caller.rights.users.items() if user != device.user}
    device.caller = Caller("d_A", ("town",), Rights(users))
    assert device.send(body)["verdicts"][0]["v"] == "quarantined"
    meeting(hub)
    held = quarantine.listed(hub)
    assert [entry.why for entry in held] == ["unknown_user"]
    quarantine.release(hub, held[0].id, NOW)
    agree(hub)
    assert rec_id(1) in states(db.session())
    assert quarantine.listed(db.session()) == []


def test_of_two_chains_under_one_name_the_centres_stands_and_nothing_is_lost(world: World, hub: Session) -> None:
    original = world.device("A")
    original.create_hazard(rec_id(1))
    original.send()
    meeting(hub)
    clone = world.device("A")
    clone.n, clone.h, clone.first, clone.prev_h = original.n, original.h, original.first, original.prev_h
    original.write(rec_id(1), "hazard", {"note": reg("原机")})
    original.send()
    first = clone.create_hazard(rec_id(2), title="副本的")
    second = clone.write(rec_id(1), "hazard", {"place": reg("副本的地点")})
    body = clone.body()
    lines, hashes = list(clone.lines), [first.rpartition(":")[2], second.rpartition(":")[2]]
    at_hub(hub, clone)
    assert rec_id(2) in states(hub)
    met = meeting(hub)
    assert met.parted == 1
    agree(hub)
    assert rec_id(2) in states(db.session())
    fresh, renumbered = renumber(clone.dev, 2, list(zip(hashes, lines, strict=True)))
    assert [row[3] for row in ops(db.session()) if row[0] == fresh] == renumbered
    # The copy is told, and what it delivers under its other name is known already.
    answer = clone.send(body, session=hub)
    assert (answer["fork"], answer["same_to"]) == (True, 1)
    again = clone.send(b"\n".join([clone.body(dev=fresh, prev_h=GENESIS, **{"from": 1}).split(b"\n")[0], *renumbered]), session=hub)
    assert [each["v"] for each in again["verdicts"]] == ["duplicate", "duplicate"]


def test_a_meeting_cut_anywhere_is_simply_begun_again(world: World, hub: Session) -> None:
    for name in ("A", "B", "C"):
        device = world.device(name)
        for number in range(30):
            device.create_hazard(rec_id(ord(name) * 100 + number))
        device.send(session=hub if name == "B" else None)
    left = [0]

    def link(raw: bytes) -> bytes:
        left[0] -= 1
        if left[0] < 0:
            raise Gone
        answer = serve(db.session(), raw, NOW)
        if left[0] == 0:
            raise Gone
        return answer

    for allowed in (1, 2, 3):
        left[0] = allowed
        with pytest.raises(Gone):
            meet(hub, link, lambda: NOW)
    agree(hub)
    assert len(ops(hub)) == 90


def test_durable_on_a_hub_is_what_the_centre_backed_up(world: World, hub: Session) -> None:
    device = world.device("A")
    device.create_hazard(rec_id(1))
    assert at_hub(hub, device)["durable"] == 0
    meeting(hub)
    with unit() as session:
        session.execute(text("UPDATE incarnation SET durable = acked"))
    meeting(hub)
    assert at_hub(hub, device)["durable"] == 1


def test_a_copy_of_the_centre_is_no_hub(world: World) -> None:
    world.device("A").send()
    with pytest.raises(ProblemError) as refused:
        meet(db.session(), lambda raw: serve(db.session(), raw, NOW), lambda: NOW)
    assert refused.value.problem.code == "same_node"


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"protocol":1,"node":"x"}\nnothing', b'{"protocol":1,"want":[1]}', b'{"protocol":1,"notes":[]}',
                                 b'{"protocol":1}\n{"dev":"x","from":1,"prev_h":"","came":[[1]]}\n{}'])  # fmt: skip
def test_what_is_no_message_is_refused_in_words(world: World, raw: bytes) -> None:
    with pytest.raises(ProblemError) as refused:
        serve(db.session(), raw, NOW)
    assert refused.value.problem.code in ("bad_header", "bad_batch")
