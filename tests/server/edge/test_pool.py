"""More requests at once than the database gives connections."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from flask import Flask

from server.db import POOL_OVERFLOW, POOL_SIZE, db


def test_a_request_that_finds_no_connection_is_asked_to_come_again(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context(), ExitStack() as held:
        monkeypatch.setattr(db.engine.pool, "_timeout", 0.05)
        for _ in range(POOL_SIZE + POOL_OVERFLOW - db.engine.pool.checkedout()):
            held.enter_context(db.engine.connect())
        answer = app.test_client().post("/api/v1/enrol", json={"code": "AAAA-AAAA"})
    assert answer.status_code == 503
    assert answer.json["code"] == "unavailable"
    assert answer.headers["Retry-After"]
