"""Every operation of the OpenAPI document is called with generated input, right and wrong, by every role (tests/server/edge/fuzz.py)."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from tests.server.edge.fuzz import ROLES, build, run
from tests.tools.postgres import create_database

EXAMPLES = 2
SEED = 20261123


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder: Path = tmp_path_factory.mktemp("fuzz")
    if request.param == "sqlite":
        return build(folder, f"sqlite:///{folder}/town.db")
    return build(folder, create_database(request.getfixturevalue("postgres_cluster"), "xunan_fuzz"))


def test_no_input_of_any_role_breaks_an_operation(town: Flask) -> None:
    # What the others may not do never reaches the database: PostgreSQL hears of those who may most.
    roles = ROLES if town.extensions["xunan"].database_url.startswith("sqlite") else ("admin", "node")
    found, seen = run(town, roles, EXAMPLES, SEED)
    assert not found, "\n".join(found[:10])
    assert all(count.total() > 100 for count in seen.values())
