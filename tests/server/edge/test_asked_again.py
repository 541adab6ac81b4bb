"""Who is asked to show who he is before a deed, and who is not held up (ASVS 7.5.1, 7.5.3): giving rights and erasing ask, taking away does not."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from server.accounts.models import Post, User
from server.db import db
from tests.server.edge.people import PASSWORD, Person
from tests.server.edge.test_desk_sign_in import MINUTE_MS, Watch, code_of, desk, watch  # noqa: F401 - fixture
from tests.server.edge.test_erasure import PERSON, push


def test_what_is_taken_away_is_taken_without_being_asked(app: Flask, watch: Watch) -> None:  # noqa: F811
    """Whoever has to stop somebody in a hurry is not held up; giving it back asks."""
    admin = desk(app, "admin")
    with app.app_context():
        head, post = db.session.execute(select(Post.user_id, Post.id).join(User).where(User.username == "head")).one()
    watch.forward(6 * MINUTE_MS)
    taken = [("POST", f"/admin/users/{head}/end-sessions"), ("DELETE", f"/admin/posts/{post}"), ("POST", f"/admin/users/{head}/block")]
    assert [admin.call(method, path).status_code for method, path in taken] == [200, 200, 200]


@pytest.mark.parametrize(("path", "body", "done"), [("", {"rec": PERSON, "why": "request"}, 200), ("/due", {"rule": "person_gone", "total": 1}, 409)])
def test_nothing_is_erased_at_a_desk_that_somebody_left(
    app: Flask, person: Person, watch: Watch, path: str, body: dict[str, Any], done: int  # noqa: F811
) -> None:
    push(person("patroller"), PERSON, "person", name="张三丰")
    admin = desk(app, "admin")
    watch.forward(6 * MINUTE_MS)
    assert code_of(admin.call("POST", f"/admin/erasures{path}", json=body)) == "confirm_required"
    assert admin.call("GET", "/admin/erasures").json["items"] == []
    assert admin.call("POST", "/session/confirm", json={"password": PASSWORD, "whole": True}).status_code == 200
    assert admin.call("POST", f"/admin/erasures{path}", json=body).status_code == done
