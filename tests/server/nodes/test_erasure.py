"""An erasure travels between nodes, and both end erased whichever was told first and whoever has more of the record (P-43, P-60)."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from server.db import db
from server.erasure.service import erase
from server.ledger import quarantine
from server.ledger.lines import read_line
from server.ledger.verify import fold_anew
from tests.server.ledger.world import STATION, Device, World, rec_id, reg
from tests.server.nodes.conftest import NOW, meeting
from tests.server.nodes.test_meeting import agree, at_hub, ops

NAME = "张三丰"
PERSON = rec_id(1)


def a_person(device: Device) -> str:
    return device.write(PERSON, "person", {"scope": reg(STATION), "name": reg(NAME)})


def named(session: Session) -> bool:
    """Whether the name stands anywhere in a node's log or quarantine."""
    held = [read_line(*row).decode() for row in session.execute(text("SELECT dev, n, h, line FROM op_log"))]
    held += [entry.raw.decode() for state in ("open", "kept", "released") for entry in quarantine.listed(session, state)]
    session.rollback()
    return any(NAME in each for each in held)


def gone() -> None:
    assert erase(db.session(), [PERSON], "request", "u_admin", NOW).records > 0


def test_a_hub_that_has_the_record_erases_it_when_it_hears_of_it(world: World, hub: Session) -> None:
    device = world.device("A")
    first = a_person(device)
    device.create_hazard(rec_id(2))
    device.write(PERSON, "person", {"name": reg("张三丰 改", first)})
    device.send()
    agree(hub)
    assert named(hub)
    gone()
    assert meeting(hub).erased == 1
    agree(hub)
    assert not named(hub)
    assert not named(db.session())
    assert ops(hub) == ops(db.session())


def test_a_hub_that_never_had_the_record_gets_its_chain_without_the_text(world: World, hub: Session) -> None:
    device = world.device("A")
    device.create_hazard(rec_id(2))
    a_person(device)
    device.create_hazard(rec_id(3))
    device.send()
    gone()
    agree(hub)
    assert ops(hub) == ops(db.session())
    # Its device goes on at the hub: the chain is whole, and the hub says as the centre does that the record is gone.
    device.create_hazard(rec_id(4))
    device.cursor = None
    assert [each["v"] for each in at_hub(hub, device)["verdicts"]] == ["applied"]
    assert "erased" in device.states[PERSON]
    agree(hub)


def test_what_the_hub_alone_had_of_it_waits_for_a_person_on_both_until_it_is_erased_as_well(world: World, hub: Session) -> None:
    here, there = world.device("A"), world.device("B")
    first = a_person(here)
    here.send()
    meeting(hub)
    there.write(PERSON, "person", {"name": reg(NAME + " 又来", first)})
    there.write(rec_id(7), "attachment", {"scope": reg(STATION), "owner": reg(PERSON), "caption": reg(NAME)})
    assert [each["v"] for each in at_hub(hub, there)["verdicts"]] == ["applied", "applied"]
    gone()
    assert meeting(hub).done
    assert fold_anew(hub).ok
    assert fold_anew(db.session()).ok
    assert [entry.why for entry in quarantine.listed(hub)] == ["record_erased"] * 2
    assert [entry.why for entry in quarantine.listed(db.session())] == ["record_erased"] * 2
    assert ops(hub) == ops(db.session())
    gone()
    agree(hub)
    assert quarantine.listed(hub) == quarantine.listed(db.session()) == []
    assert not named(hub)
    assert not named(db.session())


def test_a_centre_that_came_back_from_before_the_erasure_is_told_by_its_hub(world: World, hub: Session) -> None:
    device = world.device("A")
    a_person(device)
    device.send()
    gone()
    agree(hub)
    with db.engine.begin() as connection:
        for table in ("op_log", "record", "incarnation", "erasure", "scope_digest", "k_person", "chain_digest"):
            connection.execute(text(f"DELETE FROM {table}"))
    agree(hub)
    assert not named(db.session())
    assert ops(hub) == ops(db.session())
    assert db.session.execute(text("SELECT count(*) FROM erasure")).scalar_one() == 1
    db.session.rollback()


@pytest.mark.parametrize("aside_first", [True, False], ids=["kept aside before", "erased before"])
def test_an_op_that_a_node_keeps_aside_is_erased_as_any_other(world: World, hub: Session, aside_first: bool) -> None:
    device = world.device("A")
    a_person(device)
    device.write(PERSON, "person", {"name": reg([NAME])})
    device.send()
    if aside_first:
        agree(hub)
    gone()
    agree(hub)
    assert not named(hub)
    assert quarantine.listed(hub) == quarantine.listed(db.session()) == []
    assert fold_anew(hub).ok
