"""The audit log is append-only in the database itself, and is forgotten only when it is old enough."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from server.accounts import audit
from server.accounts.models import Audit
from server.db import db, unit
from server.ledger.clock import now_ms

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


def test_housekeeping_forgets_what_is_old_and_only_that(app: Flask) -> None:
    at = now_ms()
    with app.app_context():
        with unit() as session:
            for days in (184, 200, 182, 0):
                audit.note(session, at - days * DAY_MS, "u_1", "login", str(days))
        audit.prune(db.session(), at, 190)
        assert {row.target for row in db.session.query(Audit).filter_by(actor="u_1")} == {"184", "182", "0"}
        audit.prune(db.session(), at, 183)
        assert {row.target for row in db.session.query(Audit).filter_by(actor="u_1")} == {"182", "0"}
