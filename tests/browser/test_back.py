"""Back, of the phone's key or of the browser, closes what lies over a screen and stays on it; what is closed otherwise leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect, sync_playwright

from tests.browser.handheld import Handheld
from tests.browser.steps import open_centre
from tests.tools.serving import PASSWORD, Server, free_port

SHEETS = ".sheet"


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port = free_port()
    made = Server(tmp_path_factory.mktemp("back"), port, stations=2, records=24)
    made.port = port
    made.environment["PORT"] = str(port)
    made.start()
    yield made
    made.kill9()


def back(page: Page) -> None:
    """The key: unlike Page.go_back it waits for no document, there is none to come."""
    page.evaluate("() => { history.back() }")


def at(page: Page, route: str) -> None:
    """The present screen, with no sheet and no entry of a sheet under it."""
    page.wait_for_function("route => location.hash === '#' + route && !history.state?.over", arg=route)
    expect(page.locator(SHEETS)).to_have_count(0)


def test_back_on_a_handheld_closes_the_sheet_and_stays(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    station = server.run("post", "list", "patrol01a").split("\t")[2]
    handheld = Handheld(playwright, tmp_path / "a", f"http://127.0.0.1:{server.port}")
    handheld.enrol(server.device_code("back", station), "patrol01a")
    handheld.settle()
    page = handheld.page
    item = handheld.run("async (engine) => engine.records('stock_item')[0].id")
    handheld.go("/stock")
    handheld.go(f"/stock/{item}")

    # By the key: the sheet goes, the screen stays; the next one leaves the screen.
    handheld.tap("lot-issue")
    page.get_by_test_id("qty-input").fill("3")
    back(page)
    at(page, f"/stock/{item}")
    # Forward finds no sheet to open again and stays as well.
    page.evaluate("() => { history.forward() }")
    at(page, f"/stock/{item}")

    # By its button: nothing of it is left, one Back leaves the screen.
    handheld.tap("lot-issue")
    expect(page.locator(SHEETS)).to_have_count(1)
    handheld.tap("sheet-close")
    at(page, f"/stock/{item}")
    back(page)
    at(page, "/stock")

    # A sheet that ends on another screen: Back from there is the screen under the sheet, without it.
    handheld.go("/patrol")
    handheld.tap("view-inspections")
    handheld.tap("inspection-start")
    page.get_by_test_id("inspection-place").fill("三号楼")
    handheld.tap("inspection-begin")
    expect(page.get_by_test_id("inspection-progress")).to_be_visible()
    expect(page.locator(SHEETS)).to_have_count(0)
    back(page)
    at(page, "/patrol")

    # Reloaded with an open sheet, and unlocked again: its entry is gone with it.
    handheld.go(f"/stock/{item}")
    handheld.tap("lot-issue")
    expect(page.locator(SHEETS)).to_have_count(1)
    page.reload()
    handheld.unlock()
    at(page, "/today")
    assert handheld.errors == []
    handheld.close()


def test_back_under_the_lock_keeps_the_sheet_and_what_was_typed(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    page = open_centre(playwright, f"http://127.0.0.1:{server.port}", tmp_path / "desk", "admin")
    page.get_by_test_id("centre-nav-users").click()
    page.get_by_test_id("user-new").click()
    page.get_by_test_id("user-name").fill("张三示例")
    # The sheet lies over the button; nobody touching the desk for a quarter of an hour does the same.
    page.get_by_test_id("centre-lock").dispatch_event("click")
    expect(page.get_by_test_id("cover")).to_be_visible()
    for _ in range(3):
        page.wait_for_function("() => history.state?.over === 2")
        page.evaluate("() => new Promise((done) => { addEventListener('popstate', () => done(true), { once: true }); history.back() })")
    page.wait_for_function("() => history.state?.over === 2")
    assert page.evaluate("() => location.hash") == "#/centre/users"
    page.get_by_test_id("cover-password").fill(PASSWORD)
    page.get_by_test_id("cover-open").click()
    expect(page.get_by_test_id("cover")).to_have_count(0)
    expect(page.get_by_test_id("user-name")).to_have_value("张三示例")
    back(page)
    at(page, "/centre/users")
    page.context.close()


def test_back_closes_sheets_over_sheets_one_by_one(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    page = open_centre(playwright, f"http://127.0.0.1:{server.port}", tmp_path / "desk", "operator")
    page.get_by_test_id("centre-nav-hazards").click()
    page.get_by_test_id("centre-account").click()
    page.get_by_test_id("settings-password").click()
    expect(page.locator(SHEETS)).to_have_count(2)
    page.wait_for_function("() => history.state?.over === 2")
    back(page)
    expect(page.locator(SHEETS)).to_have_count(1)
    expect(page.get_by_test_id("own-sign-ins")).to_be_visible()
    back(page)
    at(page, "/centre/hazards")
    back(page)
    at(page, "/centre/overview")
    page.context.close()
