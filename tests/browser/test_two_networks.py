"""Two networks to one server (M-67): when the first falls silent, work and photos leave over the second, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.handheld import Handheld
from tests.browser.steps import record_hazard
from tests.tools import checker
from tests.tools.evidence import photo
from tests.tools.serving import Server
from tests.tools.wire import Wire


@pytest.fixture
def town(tmp_path: Path) -> Iterator[tuple[Server, Wire, Path]]:
    """A server that is reached through a wire, and directly: two origins."""
    wire, folder = Wire(), tmp_path / "server"
    folder.mkdir()
    server = Server(folder, wire.port, stations=1, records=12)
    server.environment["XUNAN_OTHER_BASE_URLS"] = f"http://127.0.0.1:{server.port}"
    wire.target_port = server.port
    server.start()
    yield server, wire, folder
    server.kill9()
    wire.close()


def test_work_leaves_over_the_second_network(town: tuple[Server, Wire, Path], tmp_path: Path) -> None:
    server, wire, folder = town
    station = server.run("post", "list", "patrol01a").split("\t")[2]
    with sync_playwright() as playwright:
        handheld = Handheld(playwright, tmp_path / "a", f"http://127.0.0.1:{wire.port}")
        handheld.enrol(server.device_code("two", station), "patrol01a")
        handheld.settle()
        handheld.wait_installed()
        before = len(checker.logged(folder))
        wire.target_port = 9  # nobody listens there: a gateway without the server behind it
        record_hazard(handheld, "corridor_clutter", photo(0, tmp_path))
        handheld.settle()
        assert len(checker.logged(folder)) == before + 2
        assert checker.differing(handheld.states(), checker.server_states(folder)) == []
        wire.target_port = server.port
        assert handheld.errors == []
        handheld.close()
