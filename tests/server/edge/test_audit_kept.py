"""The audit log is append-only in the database itself, and is forgotten only when it is old enough."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from server.accounts import audit, audit_chain
from server.accounts.audit_chain import prove
from server.accounts.models import Audit
from server.db import db, unit
from server.doctor import examine
from server.ledger.clock import now_ms
from server.logs import configure_logs
from tests.server.edge.people import Person

DAY_MS = 86_400_000


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"])
def test_nobody_changes_or_removes_a_line(app: Flask, statement: str) -> None:
    with app.app_context():
        with unit() as session:
            audit.note(session, now_ms(), "u_1", "export", "person")
        before = db.session.query(Audit).count()
        with pytest.raises(DBAPIError, match="audit log"), unit() as session:
            session.execute(text(statement))
        assert db.session.query(Audit).filter_by(actor="u_1").count() == 1
        assert db.session.query(Audit).count() == before


def note_at(at: int, target: str) -> None:
    with unit() as session:
        audit.note(session, at, "u_1", "login", target)


def targets() -> list[str]:
    return [str(row.target) for row in db.session.query(Audit).filter_by(actor="u_1").order_by(Audit.id)]


def test_housekeeping_forgets_what_is_old_up_to_a_seal_and_the_rest_is_still_proven(app: Flask) -> None:
    at = now_ms()
    with app.app_context():
        for days in (200, 184, 182, 0):
            note_at(at - days * DAY_MS, str(days))
            audit_chain.seal(db.session(), at - days * DAY_MS)
        audit.prune(db.session(), at, 190)
        assert targets() == ["184", "182", "0"]
        audit.prune(db.session(), at, 183)
        assert targets() == ["182", "0"]
        found = prove(db.session(), at)
        assert (found.ok, found.lines, found.seals, found.since_ms) == (True, 2, 3, at - 184 * DAY_MS)


def test_much_that_is_old_is_forgotten_from_seal_to_seal(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PRUNE_SEALS", 2)
    monkeypatch.setattr(audit, "PRUNE_PAGES_MAX", 2)
    at = now_ms()
    with app.app_context():
        for days in (206, 205, 204, 203, 202, 0):
            note_at(at - days * DAY_MS, str(days))
            audit_chain.seal(db.session(), at - days * DAY_MS)
        audit.prune(db.session(), at, 183)
        assert targets() == ["203", "202", "0"], "what is left waits for the next turn"
        assert prove(db.session(), at).ok
        audit.prune(db.session(), at, 183)
        assert targets() == ["0"]
        assert prove(db.session(), at).ok


def test_lines_are_sealed_when_the_oldest_is_a_minute_old(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("INFO")
    at = now_ms()
    with app.app_context():
        audit_chain.seal(db.session(), at)
        note_at(at, "a")
        assert not audit_chain.seal_due(db.session(), at + 1000)
        note_at(at + 2000, "b")
        assert audit_chain.seal_due(db.session(), at + 60_000)
        assert not audit_chain.seal_due(db.session(), at + 120_000), "nothing new"
        told = [line for line in map(json.loads, capsys.readouterr().out.splitlines()) if line["event"] == "audit_sealed"]
        assert told[-1]["head"] == audit_chain.head(db.session())
        assert told[-1]["count"] == 2
        assert prove(db.session(), at, told[0]["head"]).ok, "a head from the log is in the chain"


def by_owner(session: Session, statement: str, **values: object) -> None:
    """What the owner of the database can do: take the guard away and change."""
    guards = ("DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete")
    for each in guards if session.get_bind().dialect.name == "sqlite" else ("ALTER TABLE audit DISABLE TRIGGER audit_kept",):
        session.execute(text(each))
    session.execute(text(statement), values)


TAMPERED = {
    "UPDATE audit SET actor = 'somebody else' WHERE target = 'b'": "was changed",
    "UPDATE audit SET at = at + 1 WHERE target = 'b'": "was changed",
    "DELETE FROM audit WHERE target = 'b'": "3 lines then, 2 now",
    """UPDATE audit SET detail = '{"before": "0", "count": 1, "h": "0"}' WHERE action = 'sealed' AND id > :second""": "does not follow",
    "DELETE FROM audit WHERE id < :second": "is missing",
}


def test_what_the_owner_of_the_database_does_to_the_log_is_seen(app: Flask) -> None:
    """ASVS V16.4.2."""
    at = now_ms()
    with app.app_context():
        audit_chain.seal(db.session(), at)
        for target in ("a", "b", "c"):
            note_at(at, target)
        audit_chain.seal(db.session(), at)
        second = int((audit_chain.head(db.session()) or "").split(":")[0])
        note_at(at, "d")
        audit_chain.seal(db.session(), at)
        assert prove(db.session(), at).ok
        db.session.remove()
        for statement, said in TAMPERED.items():
            with db.engine.connect() as connection, Session(connection) as session:
                by_owner(session, statement, **({"second": second} if ":second" in statement else {}))
                assert said in " ".join(prove(session, at).broken), statement
                session.rollback()
        with unit() as session:
            by_owner(session, "DELETE FROM audit WHERE target = 'b'")
    done = app.test_cli_runner().invoke(args=["audit"])
    assert (done.exit_code, json.loads(done.output)["ok"]) == (1, False)
    with app.app_context():
        assert next(each.state for each in examine(app.extensions["xunan"]) if each.name == "audit log") == "wrong"


def test_a_chain_made_anew_by_its_owner_does_not_hold_the_seal_kept_elsewhere(app: Flask) -> None:
    at = now_ms()
    with app.app_context():
        note_at(at, "a")
        audit_chain.seal(db.session(), at)
        kept = audit_chain.head(db.session())
        with unit() as session:
            by_owner(session, "DELETE FROM audit WHERE target = 'a' OR action = 'sealed'")
        audit_chain.seal(db.session(), at)
        assert prove(db.session(), at).ok, "the chain alone cannot know"
        assert "is not in the log" in prove(db.session(), at, kept).broken[0]


def test_a_seal_waits_for_a_line_under_way_so_that_none_appears_below_it(app: Flask) -> None:
    at = now_ms()
    with app.app_context():
        note_at(at - 120_000, "a")
        if db.session().get_bind().dialect.name == "sqlite":
            return  # one writer at a time: there is no line under way
        with db.engine.connect() as other:
            other.execute(text("INSERT INTO audit (at, actor, action) VALUES (:at, 'u_2', 'login')"), {"at": at})
            assert not audit_chain.seal_due(db.session(), at), "the next turn will"
            other.commit()
        assert audit_chain.seal_due(db.session(), at)
        assert prove(db.session(), at).ok


def test_seals_are_no_deeds_to_whoever_reads_the_log(app: Flask, person: Person) -> None:
    admin = person("admin")
    with app.app_context():
        audit_chain.seal(db.session(), now_ms())
    assert "sealed" not in {line["action"] for line in admin.call("GET", "/admin/audit").json["items"]}
