"""Two tabs of one handheld: one engine at work, both show the same, and the second takes over when the first is closed (property 17)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect, sync_playwright

from tests.browser.handheld import PIN, Handheld
from tests.tools import checker
from tests.tools.serving import Server, free_port

TITLED = "title => window.xunan_debug?.records('hazard').some((rec) => rec.v.title === title)"
WRITE = """title => window.xunan_debug.write([{ kind: 'hazard', f: { title, severity: 'general', status: 'found' } }])"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    port = free_port()
    folder = tmp_path / "server"
    folder.mkdir()
    made = Server(folder, port, stations=1, records=12)
    made.port = port
    made.environment["PORT"] = str(port)
    made.start()
    yield made
    made.kill9()


@pytest.fixture
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as found:
        yield found


def open_tab(handheld: Handheld) -> Page:
    """A second tab of the same browser, unlocked by PIN."""
    page = handheld.context.new_page()
    page.on("pageerror", lambda error: handheld.errors.append(str(error)))
    page.goto(handheld.base)
    expect(page.get_by_test_id("pin-1")).to_be_visible()
    for digit in PIN:
        page.get_by_test_id(f"pin-{digit}").click()
    expect(page.get_by_test_id("precheck")).to_be_visible()
    return page


def test_two_tabs_are_one_device(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "server"
    station = server.run("post", "list", "patrol01a").split("\t")[2]
    handheld = Handheld(playwright, tmp_path / "a", f"http://127.0.0.1:{server.port}")
    handheld.enrol(server.device_code("tabs", station), "patrol01a")
    handheld.settle()
    handheld.wait_installed()
    second = open_tab(handheld)
    before = len(checker.logged(folder))

    # Both write, with and without a network; each sees the other's at once.
    handheld.offline(True)
    second.evaluate(WRITE, "第二页离线写")
    handheld.page.wait_for_function(TITLED, arg="第二页离线写")
    handheld.page.evaluate(WRITE, "第一页离线写")
    second.wait_for_function(TITLED, arg="第一页离线写")

    # The tab that was at work is gone with everything unsent; the other delivers all of it.
    handheld.page.close()
    handheld.page = second
    handheld.offline(False)
    handheld.settle()
    lines = checker.logged(folder)
    assert checker.gaps(lines) == []
    own = [line for (dev, _), line in lines.items() if "页离线写".encode() in line]
    assert len(own) == 2
    assert len(lines) == before + 2

    # A third tab while the second works: nothing is sent twice.
    third = open_tab(handheld)
    third.evaluate(WRITE, "第三页写")
    second.wait_for_function(TITLED, arg="第三页写")
    handheld.settle()
    third.wait_for_function("() => window.xunan_debug.status().pending_ops === 0")
    assert len(checker.logged(folder)) == before + 3
    assert checker.differing(handheld.states(), checker.server_states(folder)) == []
    assert handheld.errors == []
    handheld.close()
