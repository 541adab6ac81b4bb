"""Every operation of the OpenAPI document is called with generated input by every role: never a 5xx, never an undocumented answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, seed, settings

from server import create_app
from server.accounts import service
from server.db import db, migrate, unit
from server.settings import Settings
from tests.server.edge.people import AT, PASSWORD, STATION_CODE, Person
from tests.server.ledger.conftest import postgres_cluster  # noqa: F401 - fixture
from tests.server.ledger.postgres import create_database

EXAMPLES = 4
SEED = 20261123
BYTES = ("application/offset+octet-stream", "application/zip", "application/x-ndjson")


@schemathesis.serializer(*BYTES)
def as_bytes(_context: Any, value: Any) -> bytes:
    """Bodies that are no JSON: whatever was generated, as bytes."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Flask, dict[str, str | None]]:
    """An app with one user per role, and their tokens."""
    folder: Path = tmp_path_factory.mktemp("fuzz")
    url = f"sqlite:///{folder}/town.db"
    if request.param == "postgresql":
        url = create_database(request.getfixturevalue("postgres_cluster"), "xunan_fuzz")
    made = create_app(Settings(database_url=url, data_dir=folder, pwa_dir=folder, log_level="CRITICAL"))
    made.testing = True
    # As in production: what is not caught becomes a 500, which is what we look for.
    made.config["PROPAGATE_EXCEPTIONS"] = False
    with made.app_context():
        migrate(db.engine)
        with unit() as session:
            for name, role, station in (
                ("admin", "admin", None), ("operator", "operator", None), ("head", "head", STATION_CODE), ("patroller", "patroller", STATION_CODE),
            ):  # fmt: skip
                user = service.add_user(session, AT, "test", name, name, PASSWORD)
                service.add_post(session, AT, "test", user.id, role, station)
    person = Person(made)
    return made, {"nobody": None} | {name: person(name).token for name in ("admin", "operator", "head", "patroller")}


@pytest.mark.parametrize("role", ["nobody", "patroller", "head", "operator", "admin"])
def test_no_input_of_any_role_breaks_an_operation(town: tuple[Flask, dict[str, str | None]], role: str) -> None:
    app, tokens = town
    headers = {"Authorization": f"Bearer {tokens[role]}"} if tokens[role] else {}
    wrong: list[str] = []

    def call(case: Any) -> None:
        answer = case.call(headers=headers)
        if answer.status_code >= 500 or str(answer.status_code) not in case.operation.definition.raw["responses"]:
            wrong.append(f"{case.method} {case.formatted_path}: {answer.status_code} {answer.text[:200]} {case.body!r:.200}")

    for found in schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app).get_all_operations():
        drawn = given(case=found.ok().as_strategy())(call)
        seed(SEED)(settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])(drawn))()
    assert not wrong, "\n".join(wrong[:10])
