"""What a bundle brings and nobody proves waits beside the chain it claims: it never stands in the way of the device itself (P-24, P-61)."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask
from sqlalchemy import text

from server.accounts.models import Device, Grant
from server.db import db, unit
from server.ledger import brought
from server.ledger.clock import now_ms
from server.ledger.verify import fold_anew
from sync.stamp import GENESIS, chain
from tests.server.edge.people import Client, Person
from tests.server.edge.test_rescue import Carrier, carrier, carry, reg, verdicts  # noqa: F401 - fixture

TITLES = text("SELECT title FROM k_hazard ORDER BY id")


@pytest.fixture
def stranger() -> ec.EllipticCurvePrivateKey:
    """A key that is not the device's."""
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def operator(person: Person) -> Client:
    return person("operator")


def forged(of: Carrier, *titles: str) -> Carrier:
    """Another history under the same name."""
    client = Client(of.client.app, "", "", of.client.user_id, of.client.dev)
    made = Carrier(client, of.device_id, of.key)
    for number, title in enumerate(titles):
        made.write(f"0198-x{number}", title)
    return made


def send(of: Carrier) -> Any:
    return of.client.sync([op["line"].encode() for op in of.ops], 1, GENESIS).json


def waiting(operator: Client, state: str = "open") -> list[dict[str, Any]]:
    """Newest first, as a person sees them."""
    found: list[dict[str, Any]] = operator.call("GET", f"/centre/quarantine?state={state}").json["items"]
    return found


def release(operator: Client, n: int) -> int:
    entry = next(each for each in waiting(operator) if each["n"] == n)
    return operator.call("POST", f"/centre/quarantine/{entry['id']}/release").status_code


def titles(app: Flask) -> list[str]:
    with app.app_context():
        assert fold_anew(db.session()).ok
        return list(db.session.scalars(TITLES))


def test_forged_lines_brought_first_fork_nobody(app: Flask, operator: Client, carrier: Carrier, stranger: Any) -> None:  # noqa: F811
    carry(operator, forged(carrier, "假一", "假二", "假三").bundle(key=stranger))
    asked = carrier.client.sync([], 1, GENESIS).json
    assert (asked["acked"], asked.get("fork"), asked.get("resend_from")) == (0, None, None), "to the device it is as if nothing had come"
    answer = send(carrier)
    assert ([each["v"] for each in answer["verdicts"]], answer.get("fork")) == (["applied", "applied"], None)
    assert titles(app) == ["裂缝", "积水"]
    assert [(each["n"], each["why"]) for each in waiting(operator)] == [(3, "unsigned_bundle"), (2, "unsigned_bundle"), (1, "unsigned_bundle")]
    assert [release(operator, n) for n in (1, 2, 3)] == [409, 409, 409], "its own chain stands"
    assert len(waiting(operator)) == 3


def test_forged_lines_brought_after_the_device_change_nothing_either(app: Flask, operator: Client, carrier: Carrier, stranger: Any) -> None:  # noqa: F811
    send(carrier)
    made = forged(carrier, "假一", "假二", "假三")
    for new in (3, 0):
        report = carry(operator, made.bundle(key=stranger)).json["authors"][0]
        assert (report["stored"], report["known"], report["quarantined"], report["fork"]) == (new, 3 - new, new, False)
    carrier.write("0198-c", "脱落")
    answer = carrier.client.sync([carrier.ops[2]["line"].encode()], 3, carrier.ops[1]["h"]).json
    assert [each["v"] for each in answer["verdicts"]] == ["applied"]
    assert titles(app) == ["裂缝", "积水", "脱落"]
    assert release(operator, 3) == 409


def test_its_own_lines_brought_unsigned_are_judged_when_it_sends_them(app: Flask, operator: Client, carrier: Carrier, stranger: Any) -> None:  # noqa: F811
    """Whoever finds a bundle must not be able to put honest work in quarantine."""
    carry(operator, carrier.bundle(key=stranger))
    assert [each["v"] for each in send(carrier)["verdicts"]] == ["applied", "applied"]
    assert release(operator, 1) == 200, "it has come after all"
    with app.app_context():
        assert brought.settle(db.session(), now_ms()) == 1
    assert waiting(operator) == []
    assert {each["n"] for each in waiting(operator, "released")} == {1, 2}
    report = carry(operator, carrier.bundle(key=stranger)).json["authors"][0]
    assert (report["stored"], report["known"]) == (0, 2)
    assert titles(app) == ["裂缝", "积水"]


def test_what_a_person_lets_in_is_the_op_the_device_would_have_sent(app: Flask, operator: Client, carrier: Carrier, stranger: Any) -> None:  # noqa: F811
    carry(operator, carrier.bundle(key=stranger))
    assert release(operator, 2) == 200
    assert verdicts(app, carrier.client.dev) == ["quarantined", "applied"], "what it follows on goes along, and waits on"
    assert titles(app) == ["积水"]
    assert release(operator, 1) == 200
    carrier.write("0198-c", "脱落")
    assert [each["v"] for each in send(carrier)["verdicts"]] == ["duplicate", "duplicate", "applied"]
    assert titles(app) == ["裂缝", "积水", "脱落"]


def test_of_two_histories_brought_the_one_that_fits_is_let_in(app: Flask, operator: Client, carrier: Carrier, stranger: Any) -> None:  # noqa: F811
    carry(operator, forged(carrier, "假一").bundle(key=stranger))
    carry(operator, carrier.bundle(key=stranger))
    assert release(operator, 2) == 200
    assert titles(app) == ["积水"]
    first = next(each for each in waiting(operator) if each["n"] == 1 and each["changes"][1]["new"] == "假一")
    assert operator.call("POST", f"/centre/quarantine/{first['id']}/release").status_code == 409


def test_a_line_whose_start_is_missing_waits_for_it(operator: Client, carrier: Carrier, stranger: Any) -> None:  # noqa: F811
    whole = list(carrier.ops)
    carrier.ops = whole[1:]
    carry(operator, carrier.bundle(key=stranger, count=1))
    assert release(operator, 2) == 409
    carrier.ops = whole[:1]
    carry(operator, carrier.bundle(key=stranger, count=1))
    assert release(operator, 2) == 200


def test_an_operator_does_not_vouch_for_a_device_that_has_a_key(app: Flask, operator: Client, carrier: Carrier, stranger: Any) -> None:  # noqa: F811
    """By naming a device that does not exist, or one without a key, lines of another chain were taken for vouched ones."""
    send(carrier)
    keyless = Person(app)("patroller")
    with app.app_context():
        other = db.session.query(Grant.device_id).filter_by(user_id=keyless.user_id).filter(Grant.device_id != carrier.device_id).first()[0]
        db.session.rollback()
    for named in ("nobody", other):
        made = forged(carrier, "假一", "假二", "假三")
        made.ops = [*carrier.ops, {**made.ops[2], "h": chain(carrier.ops[1]["h"], made.ops[2]["line"].encode())}]
        report = carry(operator, made.bundle(device_id=named)).json
        assert (report["signature"], report["authors"][0]["fork"]) == ("no_key", False)
        assert verdicts(app, carrier.client.dev) == ["applied", "applied"], named


def test_the_quarantine_lets_nobody_past_the_kind_of_a_record_or_out_of_its_station(app: Flask, person: Person, operator: Client) -> None:
    """Whatever an op is kept aside for, it is not let through where no right would help it."""
    client, admin = person("patroller"), person("admin")
    made = admin.line("0198-s", {"scope": reg("town"), "key": reg("a"), "value": reg("1")}, kind="setting", scope="town")
    assert admin.sync([made], 1, GENESIS).json["verdicts"][0]["v"] == "applied"
    lines = [
        client.line("0198-s", {"value": reg("2")}, kind="hazard", scope="station:310199101008"),
        client.line("0198-p", {"scope": reg("town"), "name": reg("张三丰")}, kind="person", scope="town"),
    ]
    with app.app_context(), unit() as session:
        session.execute(text('UPDATE "user" SET active = :no WHERE id = :id'), {"no": False, "id": client.user_id})
    answer = client.sync(lines, 1, GENESIS).json
    assert {each["why"] for each in answer["verdicts"]} <= {"unknown_user", "scope_revoked"}
    assert [release(operator, n) for n in (1, 2)] == [409, 409]


def test_a_device_without_a_key_is_still_vouched_for(app: Flask, operator: Client, carrier: Carrier) -> None:  # noqa: F811
    with app.app_context(), unit() as session:
        session.get_one(Device, carrier.device_id).public_key = None
    assert carry(operator, carrier.bundle()).json["authors"][0]["quarantined"] == 0
    assert titles(app) == ["裂缝", "积水"]
