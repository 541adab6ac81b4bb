"""What a server acknowledged is there after any kill -9, once, and the database is whole (property 22), on both databases."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest

from tests.faults.kill9 import run
from tests.tools.postgres import create_database

KILLS = 4


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nothing_acknowledged_is_lost(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> None:
    seed = secrets.randbelow(2**32)
    print(f"seed {seed}")
    url = create_database(request.getfixturevalue("postgres_cluster"), "xunan_kill9") if database == "postgresql" else None
    server, pushers = run(tmp_path, KILLS, seed, url)
    try:
        for pusher in pushers:
            assert pusher.failed is None, f"seed {seed}"
            assert pusher.acked == pusher.n > 0
        report = json.loads(server.run("verify"))
        assert report["ok"], report
        assert server.starts == KILLS + 1
    finally:
        server.kill9()
