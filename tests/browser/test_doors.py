"""The two doors, and the way from one to the other: a desk says why it asks again, a phone that came through the desk's door goes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect, sync_playwright

from tests.browser.handheld import Handheld
from tests.browser.steps import open_centre, sign_in
from tests.tools.serving import PASSWORD, Server, free_port


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port = free_port()
    made = Server(tmp_path_factory.mktemp("doors"), port, stations=2, records=24)
    made.port = port
    made.environment["PORT"] = str(port)
    made.start()
    yield made
    made.kill9()


def test_a_desk_says_why_it_asks_again_after_a_reload(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    page = open_centre(playwright, f"http://127.0.0.1:{server.port}", tmp_path / "desk", "operator")
    # A first sign-in has nothing to explain, and a sign-out is what the person wanted.
    page.reload()
    expect(page.get_by_test_id("login-again")).to_contain_text("电脑不保留登录")
    sign_in(page, "operator", PASSWORD)
    page.get_by_test_id("centre-logout").click()
    expect(page.get_by_test_id("login-submit")).to_be_visible()
    expect(page.get_by_test_id("login-again")).to_have_count(0)
    page.context.close()


def test_a_desk_is_read_in_english_and_large(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    page = open_centre(playwright, f"http://127.0.0.1:{server.port}", tmp_path / "desk", "operator")
    page.get_by_test_id("centre-account").click()
    page.get_by_test_id("view-en").click()
    page.get_by_test_id("view-elder").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("html")).to_have_attribute("data-view", "elder")
    page.get_by_test_id("sheet-close").click()
    expect(page.get_by_test_id("centre-nav-hazards")).to_have_text("Hazards")
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    page.context.close()


def test_a_phone_that_came_through_the_door_of_the_desk_becomes_a_handheld(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    station = server.run("post", "list", "patrol01a").split("\t")[2]
    handheld = Handheld(playwright, tmp_path / "a", f"http://127.0.0.1:{server.port}")
    page = handheld.page
    page.goto(handheld.base)
    handheld.tap("enrol-desk")
    expect(page.get_by_test_id("login-door")).to_contain_text("中心电脑")
    sign_in(page, "patrol01a", PASSWORD)
    handheld.tap("centre-to-handheld")
    page.get_by_test_id("enrol-code").fill(server.device_code("door", station))
    handheld.tap("enrol-submit")
    sign_in(page, "patrol01a", PASSWORD)
    handheld.choose_pin()
    handheld.settle()
    assert handheld.run("async (engine) => engine.session.device.kind") == "handheld"
    handheld.run("async (engine) => engine.write([{ kind: 'hazard', f: { title: '井盖', severity: 'general', status: 'found' } }])")
    handheld.settle()
    page.reload()
    handheld.unlock()
    assert handheld.errors == []
    handheld.close()
