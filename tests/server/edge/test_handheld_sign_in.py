"""A handheld is a factor itself and is asked for no code: what its sign-in does not open (ADR 0020)."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.server.edge.people import PASSWORD, Person
from tests.server.edge.test_desk_sign_in import OWN, Watch, client_of, code_of, desk, enrol_factor, login


@pytest.fixture
def watch(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


def test_a_handheld_that_was_asked_for_no_code_changes_nothing_that_signs_in(app: Flask, watch: Watch, person: Person) -> None:
    """Or whoever knows a password would put a second factor of his own in the place of the true one."""
    codes, _ = enrol_factor(desk(app, "operator"), watch)
    phone = person("operator")
    assert phone.call("GET", "/centre/overview").status_code == 200
    assert code_of(phone.call("POST", "/second-factor/begin", json={})) == "confirm_required"
    assert code_of(phone.call("POST", "/sessions/end-others", json={})) == "confirm_required"
    assert code_of(phone.call("POST", "/session/confirm", json={"password": PASSWORD, "whole": True})) == "code_required"
    assert phone.call("POST", "/session/confirm", json={"password": PASSWORD, "whole": True, "code": codes(watch.at)}).status_code == 200
    assert phone.call("POST", "/second-factor/begin", json={}).status_code == 200


def test_a_first_password_is_chosen_anew_on_a_handheld_by_who_has_a_factor(app: Flask, watch: Watch, person: Person) -> None:
    client, admin = desk(app, "operator"), desk(app, "admin")
    enrol_factor(client, watch)
    given = admin.call("POST", f"/admin/users/{client.user_id}/password", json={}).json["password"]
    token = person.enrol()["device_token"]
    phone = client_of(app, login(app, "operator", given, token=token), token)
    assert phone.call("POST", "/password", json={"new": OWN}).status_code == 200
