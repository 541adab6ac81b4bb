"""The browser throws this device's databases away, at rest and under an open page: noticed, counted, told to the centre (property 18)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Playwright, expect, sync_playwright

from tests.browser.handheld import SETTLE_MS, Handheld
from tests.browser.steps import record_hazard
from tests.tools import checker
from tests.tools.evidence import photo
from tests.tools.serving import Server, free_port

HELD = "async (engine) => engine.status().pending_ops + engine.status().pending_files"
WRITE = """async (engine, title) => {
  try { await engine.write([{ kind: 'hazard', f: { title, severity: 'general', status: 'found' } }]); return 'saved'; } catch (error) { return 'refused'; }
}"""


@pytest.fixture
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as found:
        yield found


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


def told(folder: Path) -> list[dict[str, Any]]:
    """What every enrolled handheld last said of itself, the oldest first."""
    with sqlite3.connect(folder / "town.db") as connection:
        rows = connection.execute("SELECT status FROM device WHERE kind = 'handheld' AND status IS NOT NULL ORDER BY enrolled_at")
        return [json.loads(status) for (status,) in rows]


def evict(browser: CDPSession, origin: str) -> None:
    """What a browser short of room does: the databases and the worker go, localStorage follows rules of its own and stays."""
    browser.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "indexeddb,cache_storage,service_workers"})


def fill(handheld: Handheld, server: Server, pictures: Path) -> int:
    """A device with unsent work; gives how many things it holds."""
    station = server.run("post", "list", "patrol01a").split("\t")[2]
    handheld.enrol(server.device_code("first", station), "patrol01a")
    handheld.settle()
    handheld.wait_installed()
    handheld.offline(True)
    for number, kind in enumerate(("corridor_clutter", "ebike_charging")):
        record_hazard(handheld, kind, photo(number, pictures))
    held = int(handheld.run(HELD))
    assert held >= 6
    return held


def enrol_again(handheld: Handheld, server: Server, lost: int) -> None:
    """The loss is said in words before anything else, and the new life of the device tells the centre."""
    expect(handheld.page.get_by_test_id("lost")).to_contain_text(str(lost))
    station = server.run("post", "list", "patrol01a").split("\t")[2]
    handheld.enrol(server.device_code("second", station), "patrol01a")
    expect(handheld.page.get_by_test_id("sync-bar")).to_contain_text(str(lost))
    assert handheld.run(WRITE, "清除以后") == "saved"
    handheld.settle()
    assert told(Path(server.environment["XUNAN_DATA_DIR"]))[-1]["lost"] == lost


def test_databases_gone_while_the_page_was_closed(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    handheld = Handheld(playwright, tmp_path / "a", f"http://127.0.0.1:{server.port}")
    lost = fill(handheld, server, tmp_path)
    handheld.page.goto("about:blank")
    handheld.errors.clear()  # that page has no localStorage for the switch the handheld sets everywhere
    evict(handheld.context.new_cdp_session(handheld.page), handheld.base)
    handheld.offline(False)
    handheld.page.goto(handheld.base)
    enrol_again(handheld, server, lost)

    # Told once, not once per start.
    handheld.page.reload()
    handheld.unlock()
    assert handheld.run("async (engine) => engine.status().lost") == lost
    lines = checker.logged(tmp_path / "server")
    assert checker.gaps(lines) == []
    assert sum("清除以后".encode() in line for line in lines.values()) == 1
    assert handheld.errors == []
    handheld.close()


def test_databases_gone_under_an_open_page(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    handheld = Handheld(playwright, tmp_path / "a", f"http://127.0.0.1:{server.port}")
    lost = fill(handheld, server, tmp_path)
    evict(handheld.context.new_cdp_session(handheld.page), handheld.base)

    # Said at once and in words; nothing is called kept that is not; the page stays until its user opens it anew.
    again = handheld.page.get_by_role("button", name="重新打开")
    expect(again).to_be_visible(timeout=SETTLE_MS)
    expect(handheld.page.get_by_test_id("sync-bar")).to_contain_text(str(lost))
    assert handheld.run(HELD) == 0
    assert handheld.run(WRITE, "白写") == "refused"
    handheld.offline(False)
    handheld.page.reload()
    enrol_again(handheld, server, lost)
    handheld.close()
