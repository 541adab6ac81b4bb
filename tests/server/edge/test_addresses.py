"""A server with a second address lets its own app use it, and nobody else's page (M-67)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask

from server import create_app
from server.settings import Settings, SettingsError
from tests.server.edge.people import PASSWORD, Person

FIRST, SECOND = "https://gov.example", "https://own.example:8443"
ASKING = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization,tus-resumable,upload-offset"}


@pytest.fixture
def two(app: Flask) -> Flask:
    made = create_app(replace(app.extensions["xunan"], base_url=FIRST, other_base_urls=(SECOND,)))
    made.testing = True
    return made


def test_a_device_learns_every_address(two: Flask) -> None:
    person = Person(two)
    device = person.enrol()
    assert device["addresses"] == [FIRST, SECOND]
    head = {"Authorization": f"Bearer {device['device_token']}"}
    signed = two.test_client().post("/api/v1/login", json={"username": "patroller", "password": PASSWORD}, headers=head).json
    assert signed["addresses"] == [FIRST, SECOND]


def test_the_app_of_one_address_may_use_the_other(two: Flask) -> None:
    client = two.test_client()
    for origin in (FIRST, SECOND):
        asked = client.options(f"/api/v1/files/{'0' * 64}", headers={"Origin": origin, **ASKING})
        assert (asked.status_code, asked.headers["Access-Control-Allow-Origin"]) == (200, origin)
        assert "PATCH" in asked.headers["Access-Control-Allow-Methods"]
        assert "Tus-Resumable" in asked.headers["Access-Control-Allow-Headers"]
        told = client.get("/api/v1/me", headers={"Origin": origin})
        assert (told.status_code, told.headers["Access-Control-Allow-Origin"]) == (401, origin)
        assert "Upload-Offset" in told.headers["Access-Control-Expose-Headers"]
    assert f"connect-src 'self' {FIRST} {SECOND};" in client.get("/").headers["Content-Security-Policy"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://gov.example.evil.example", "http://gov.example"])
def test_nobody_else_may(two: Flask, origin: str) -> None:
    answer = two.test_client().options("/api/v1/login", headers={"Origin": origin, **ASKING})
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control-")]
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("wrong", ["gov.example", "https://gov.example/path", "javascript:alert(1)", "https://a.example; script-src *"])
def test_an_address_that_is_none_stops_the_start(wrong: str) -> None:
    with pytest.raises(SettingsError, match="OTHER_BASE_URLS"):
        Settings.from_env({"XUNAN_OTHER_BASE_URLS": wrong})
