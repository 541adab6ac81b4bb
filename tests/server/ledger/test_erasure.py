"""An erased record: its text is gone from log, state, rows, conflicts and quarantine; chains, pushes and folds go on (P-43)."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from server.centre.tables import table_of
from server.db import db, unit
from server.erasure.service import adopt, erase
from server.errors import ProblemError
from server.ledger import quarantine
from server.ledger.bulk import Bulk
from server.ledger.erasures import Erasure, every
from server.ledger.lines import read_line
from server.ledger.quarantine import NotReleasable
from server.ledger.verify import fold_anew, rebuild
from sync.stamp import GENESIS, chain, erased_line, erased_rec
from tests.server.ledger.world import OPERATOR, START_MS, STATION, Device, World, rec_id, reg

NAME = "张三丰"
NOW = START_MS + 2 * 10**9
PERSON, PHOTO, MOVE, LOOK = rec_id(1), rec_id(2), rec_id(3), rec_id(4)
SHA = "ab" * 32


def a_person(device: Device) -> str:
    """A person with a photo, a transfer and a look at his number. Gives the stamp of his first op."""
    first = device.write(PERSON, "person", {"scope": reg(STATION), "name": reg(NAME), "phone": reg("13912345678")})
    device.write(PHOTO, "attachment", {"scope": reg(STATION), "owner": reg(PERSON), "file": {"k": "add", "v": {"sha256": SHA, "size": 3}}, "caption": reg(NAME)})
    device.write(MOVE, "transfer", {"scope": reg(STATION), "person": reg(PERSON), "status": reg("arrived"), "note": reg(f"{NAME}已到")})
    device.write(LOOK, "unmask", {"scope": reg(STATION), "person": reg(PERSON), "reason": reg(f"联系{NAME}")})
    return first


def held_texts() -> str:
    """Everything the database holds, opened, as one text."""
    session = db.session()
    found = [read_line(*row).decode() for row in session.execute(text("SELECT dev, n, h, line FROM op_log"))]
    found += [entry.raw.decode() for state in ("open", "kept", "released") for entry in quarantine.listed(session, state)]
    for kind in ("person", "attachment", "transfer", "unmask"):
        found += [str(dict(row)) for row in session.execute(table_of(kind).select()).mappings()]
    for table in ("conflict", "erasure", "audit", "job"):
        found += [str(dict(row)) for row in session.execute(text(f"SELECT * FROM {table}")).mappings()]
    session.rollback()
    return "\n".join(found)


def erased(rec: str = PERSON) -> Erasure:
    """What the node says of an erased record."""
    with unit() as session:
        return next(each for each in every(Bulk(session)) if each.rec == rec)


def test_erasing_a_person_takes_along_what_only_speaks_of_him_and_leaves_the_chain_whole(world: World) -> None:
    device, other = world.device("A"), world.device("B")
    first = a_person(device)
    device.create_hazard(rec_id(5))
    device.send()
    device.write(PERSON, "person", {"name": reg("张三", first)})
    other.write(PERSON, "person", {"name": reg("张山", first)})
    device.send()
    other.send()
    assert NAME in held_texts()
    again = device.body()
    assert erase(db.session(), [PERSON], "request", "u_admin", NOW).records == 4
    assert NAME not in held_texts()
    assert "张三" not in held_texts()
    assert fold_anew(db.session()).ok
    h, rows = GENESIS, db.session.execute(text("SELECT dev, n, h, line FROM op_log WHERE dev = :dev ORDER BY n"), {"dev": device.dev}).all()
    db.session.rollback()
    for row in rows:
        h = chain(h, read_line(*row))
        assert h == row[2]
    assert len(rows) == 6
    # Everybody is told, as of any other change; the hazard beside it is untouched.
    device.send()
    device.pull_all()
    assert device.states[PERSON] == {
        "seq": device.states[PERSON]["seq"], "id": PERSON, "kind": "person", "scope": STATION, "vv": {device.dev: 6, other.dev: 1},
        "erased": {"at": NOW, "ops": sorted(erased().ops)},
    }  # fmt: skip
    assert device.states[rec_id(5)]["reg"]
    assert device.send(again)["verdicts"] == []
    assert fold_anew(db.session()).ok


def test_what_is_pushed_again_is_a_duplicate_and_what_a_restored_server_gets_again_stays_erased(world: World) -> None:
    device = world.device("A")
    a_person(device)
    body = device.body()
    device.send()
    erase(db.session(), [PERSON], "request", "u_admin", NOW)
    assert {each["v"] for each in device.send(body)["verdicts"]} == {"duplicate"}
    told = erased()
    # A server that came back from before the ops, and was told again what was erased.
    with unit() as session:
        for table in ("op_log", "record", "incarnation", "erasure", "scope_digest", "k_person", "k_attachment", "k_transfer", "k_unmask", "chain_digest"):
            session.execute(text(f"DELETE FROM {table}"))
    adopt(db.session(), [told], NOW)
    answer = device.send(body)
    assert [each["v"] for each in answer["verdicts"]] == ["erased", "quarantined", "quarantined", "quarantined"]
    assert [each.get("why") for each in answer["verdicts"]][1:] == ["record_erased"] * 3
    stored = db.session.execute(text("SELECT dev, n, h, line FROM op_log WHERE n = 1")).one()
    db.session.rollback()
    assert read_line(*stored) == erased_line(stored[2], PERSON)
    assert fold_anew(db.session()).ok


def test_facts_that_come_after_the_erasure_wait_for_a_person_who_may_erase_them_as_well(world: World) -> None:
    device, other = world.device("A"), world.device("B")
    first = a_person(device)
    device.send()
    other.pull_all()
    erase(db.session(), [PERSON], "request", "u_admin", NOW)
    other.write(PERSON, "person", {"name": reg(NAME + "又来", first)})
    other.write(rec_id(9), "attachment", {"scope": reg(STATION), "owner": reg(PERSON), "caption": reg(NAME)})
    other.create_hazard(rec_id(10))
    answer = other.send()
    assert [(each["v"], each.get("why")) for each in answer["verdicts"]] == [
        ("quarantined", "record_erased"), ("quarantined", "record_erased"), ("applied", None),
    ]  # fmt: skip
    assert fold_anew(db.session()).ok
    entries = quarantine.listed(db.session())
    assert len(entries) == 2
    assert NAME in held_texts()
    for entry in entries:
        with pytest.raises(NotReleasable):
            quarantine.release(db.session(), entry.id)
    before = len(erased().ops)
    assert erase(db.session(), [PERSON], "request", "u_admin", NOW + 5).records == 2
    assert NAME not in held_texts()
    assert quarantine.listed(db.session()) == []
    assert len(erased().ops) == before + 1
    assert erased().at == NOW
    assert fold_anew(db.session()).ok
    other.pull_all()
    assert erased().ops == set(other.states[PERSON]["erased"]["ops"])
    assert erase(db.session(), [PERSON], "request", "u_admin", NOW + 9).records == 0


def test_a_device_without_the_text_delivers_its_chain_all_the_same(world: World) -> None:
    """P-23: it was told that the text is gone; the server has lost these ops since."""
    device = world.device("A")
    stamp = a_person(device)
    told = Erasure(PERSON, "person", STATION, NOW, "request", "u_admin", frozenset({stamp}))
    adopt(db.session(), [told], NOW)
    h1 = stamp.split(":")[2]
    lines = [erased_line(h1, PERSON), *device.lines[1:], erased_line("0badcafe", rec_id(77))]
    device.lines, device.n, device.h = lines, device.n + 1, "0badcafe"
    device.create_hazard(rec_id(5))
    answer = device.send()
    assert [each["v"] for each in answer["verdicts"]] == ["erased", "quarantined", "quarantined", "quarantined", "quarantined", "applied"]
    assert (answer["acked"], answer["acked_h"]) == (6, device.h)
    assert fold_anew(db.session()).ok
    # Nobody here had said that the other one was erased: a person sees that it was, and once it is told again all is in order.
    assert next(entry.raw for entry in quarantine.listed(db.session())) == erased_line("0badcafe", rec_id(77))
    adopt(db.session(), [Erasure(rec_id(77), "person", STATION, NOW, "mistake", "u_admin", frozenset({f"{device.dev}:5:0badcafe"}))], NOW)
    assert [entry.rec for entry in quarantine.listed(db.session())] == [LOOK, MOVE, PHOTO]
    assert fold_anew(db.session()).ok
    assert erased_rec(erased_line("0badcafe", "not a name")) is None


def test_two_erasures_of_one_record_are_one_in_either_order() -> None:
    early = Erasure(PERSON, "person", STATION, 5, "request", "a", frozenset({"x"}))
    late = Erasure(PERSON, "person", "station:2", 9, "mistake", "b", frozenset({"y"}))
    assert early.joined(late) == late.joined(early)
    assert early.joined(late).ops == {"x", "y"}
    assert early.joined(None) == early


def test_only_what_is_about_a_person_is_erased_and_only_for_a_known_reason(world: World) -> None:
    device = world.device("A")
    device.create_hazard(rec_id(5))
    device.send()
    for recs, why, code in (([rec_id(5)], "request", "invalid"), ([rec_id(6)], "request", "not_found"), ([rec_id(5)], "because", "invalid")):
        with pytest.raises(ProblemError) as refused:
            erase(db.session(), recs, why, OPERATOR, NOW)
        assert refused.value.problem.code == code
    assert fold_anew(db.session()).ok


def test_rebuilding_an_erased_record_brings_nothing_back(world: World) -> None:
    device = world.device("A")
    a_person(device)
    device.send()
    erase(db.session(), [PERSON], "mistake", "u_admin", NOW)
    rebuild(db.session(), [PERSON, PHOTO], NOW)
    assert fold_anew(db.session()).ok
    assert db.session.execute(text("SELECT count(*) FROM k_person")).scalar_one() == 0
    db.session.rollback()
