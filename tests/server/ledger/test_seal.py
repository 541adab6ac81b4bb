"""Personal data at rest: sealed wherever a copy lies, bound to its row, opened by every key of the ring, sealed anew beside a live server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import text

from server.db import db, reading, unit
from server.kinds import KINDS
from server.ledger import snapshots
from server.ledger.lines import keep_line, read_line
from server.ledger.quarantine import listed
from server.ledger.reseal import reseal
from server.ledger.verify import fold_anew
from server.seal import MARK, SealBroken, is_sealed_kind, seal
from server.settings import DEV_DATA_KEY
from tests.server.ledger.world import STATION, Device, World, rec_id, reg

PERSON, HAZARD = rec_id(1), rec_id(2)
FIELDS = {"name": "张三丰", "id_no": "11010519491231002X", "phone": "138 0000-1234", "address": "幸福路12弄3号"}
SEALED_WORDS = [FIELDS["id_no"].encode(), FIELDS["phone"].encode()]
TORN = f'{{"n":4, "phone":"{FIELDS["phone"]}" torn'.encode()


@pytest.fixture(autouse=True)
def _ring() -> Iterator[None]:
    yield
    seal.init([DEV_DATA_KEY])


def recorded(world: World) -> Device:
    """A device that recorded a person, a hazard, a record of a kind nobody knows, and bytes nobody can read."""
    device = world.device("a")
    device.write(PERSON, "person", {"scope": reg(STATION)} | {name: reg(value) for name, value in FIELDS.items()})
    device.create_hazard(HAZARD)
    device.write(rec_id(3), "visitor", {"scope": reg(STATION), "phone": reg(FIELDS["phone"])})
    device.raw(TORN)
    device.send()
    return device


def everything_stored(folder: Path) -> bytes:
    """Every value of every table, and every file of the snapshots."""
    found = []
    with reading() as session:
        for table in ("op_log", "record", "quarantine", *(f"k_{kind}" for kind in KINDS)):
            for row in session.execute(text(f'SELECT * FROM "{table}"')):
                found += [bytes(value) if isinstance(value, (bytes, memoryview)) else str(value).encode() for value in row]
    return b"\n".join([*found, *(path.read_bytes() for path in folder.rglob("*") if path.is_file())])


def test_no_copy_on_a_disk_shows_an_identity_or_telephone_number(world: World, tmp_path: Path) -> None:
    device = recorded(world)
    pack = snapshots.get(db.session(), STATION, tmp_path)
    stored = everything_stored(tmp_path)
    assert not [word for word in SEALED_WORDS if word in stored]
    assert "楼道堆物".encode() in stored, "what is not personal stays readable for the operator's tools"
    # And whoever may have it gets it whole: the device, the snapshot, the person who decides about torn bytes, the fold.
    device.pull_all()
    assert FIELDS["id_no"] in str(device.states[PERSON])
    assert len(snapshots.content(pack)) == pack.bytes
    assert [entry.raw for entry in listed(db.session()) if entry.why == "bad_json"] == [TORN]
    assert fold_anew(db.session()).ok


def test_what_is_not_sealed_would_be_found(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control of the test above."""
    monkeypatch.setattr("server.ledger.lines.is_sealed_kind", lambda kind: False)
    recorded(world)
    assert SEALED_WORDS[0] in everything_stored(tmp_path)


def test_unknown_kinds_are_sealed_and_known_ones_as_declared() -> None:
    assert is_sealed_kind("person") and is_sealed_kind("") and is_sealed_kind("visitor")
    assert not is_sealed_kind("hazard")


def test_a_sealed_value_opens_only_in_its_own_row() -> None:
    line = keep_line("person", "a" * 16, 1, "0" * 8, b"{}")
    assert line[:1] == MARK
    assert read_line("a" * 16, 1, "0" * 8, line) == b"{}"
    with pytest.raises(SealBroken, match="changed or moved"):
        read_line("a" * 16, 2, "0" * 8, line)
    for position in (1, 5, 17, len(line) - 1):
        changed = bytearray(line)
        changed[position] ^= 1
        with pytest.raises(SealBroken):
            read_line("a" * 16, 1, "0" * 8, bytes(changed))
    for length in (1, 5, 17):
        with pytest.raises(SealBroken):
            read_line("a" * 16, 1, "0" * 8, line[:length])
    column = seal.close_text("person.phone", PERSON, "13800001234")
    with pytest.raises(SealBroken):
        seal.open_text("person.phone", HAZARD, column)
    with pytest.raises(SealBroken):
        seal.open_text("person.phone", PERSON, column[:-3])


def test_the_same_value_is_sealed_differently_each_time_but_found_by_its_index() -> None:
    first, second = (seal.close_text("person.phone", PERSON, "138 0000 1234") for _ in range(2))
    assert first != second
    (prefix,) = seal.indexes_of("person.phone", "138-0000-1234")
    assert first.startswith(prefix) and second.startswith(prefix)
    assert not first.startswith(seal.indexes_of("person.emergency_phone", "13800001234")[0]), "one index tells nothing about another column"


def test_a_new_key_is_put_in_front_and_what_is_stored_follows(world: World, tmp_path: Path) -> None:
    device = recorded(world)
    fresh = secrets.token_bytes(32)
    seal.init([fresh, DEV_DATA_KEY])
    assert fold_anew(db.session()).ok, "the old key still opens"
    device.write(PERSON, "person", {"note_of_new_version": reg("一")})
    device.send()
    changed = sum(count for _, count in reseal(db.session()))
    assert changed >= 6
    assert sum(count for _, count in reseal(db.session())) == 0, "a second walk finds nothing to do"
    snapshots.forget(db.session(), tmp_path)
    seal.init([fresh])
    assert fold_anew(db.session()).ok
    device.pull_all()
    assert FIELDS["phone"] in str(device.states[PERSON])
    seal.init([DEV_DATA_KEY])
    with pytest.raises(SealBroken, match="no key"):
        fold_anew(db.session())


def test_a_town_that_began_in_clear_is_sealed_later(world: World, tmp_path: Path) -> None:
    recorded(world)
    with unit() as session:
        for kept, dev, n, h in session.execute(text("SELECT line, dev, n, h FROM op_log WHERE kind <> 'hazard'")).all():
            session.execute(text("UPDATE op_log SET line = :line WHERE dev = :dev AND n = :n"), {"line": read_line(dev, n, h, kept), "dev": dev, "n": n})
        session.execute(text("UPDATE k_person SET phone = :phone"), {"phone": FIELDS["phone"]})
        session.execute(text("UPDATE quarantine SET raw = :raw, sha = :sha WHERE why = 'bad_json'"), {"raw": TORN, "sha": sha256(TORN).hexdigest()})
    assert [word for word in SEALED_WORDS if word in everything_stored(tmp_path)] == SEALED_WORDS
    for _ in reseal(db.session()):
        pass
    # Tables only: freed pages of the database keep old bytes until VACUUM (server/deploy/RUNBOOK.md).
    assert not [word for word in SEALED_WORDS if word in everything_stored(tmp_path / "nothing")]
    assert fold_anew(db.session()).ok
