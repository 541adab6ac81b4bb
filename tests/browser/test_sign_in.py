"""Signing in as people meet it (ADR 0020): a second factor at a desk, the lock that loses nothing, and a lock that stops no patrol."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from playwright.sync_api import Page, Playwright, expect, sync_playwright

from tests.browser.handheld import PIN, Handheld
from tests.browser.screens import complaints
from tests.browser.steps import feed, open_desk, sign_in
from tests.tools.evidence import fixes
from tests.tools.serving import PASSWORD, Server, free_port

MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port = free_port()
    made = Server(tmp_path_factory.mktemp("sign_in"), port, stations=1, records=24, more={"XUNAN_DESK_SECOND_FACTOR": "all"})
    made.port = port
    made.environment["PORT"] = str(port)
    made.start()
    yield made
    made.kill9()


def app_of(page: Page) -> Callable[[float], str]:
    """What the authenticator app would show, from the key on the screen."""
    page.locator("summary").click()
    secret = page.get_by_test_id("factor-secret").inner_text().replace(" ", "")
    made = TOTP(base64.b32decode(secret), 6, SHA1(), 30)
    return lambda at: made.generate(at).decode()


def test_a_desk_is_set_up_with_a_second_factor_and_its_lock_loses_nothing(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    page = open_desk(playwright, f"http://127.0.0.1:{server.port}", tmp_path / "admin", "admin")
    expect(page.get_by_test_id("factor-qr")).to_be_visible()
    assert complaints(page, None) == []
    page.evaluate("() => { location.hash = '#/centre/overview' }")
    expect(page.get_by_test_id("factor-qr")).to_be_visible()
    codes = app_of(page)
    page.get_by_test_id("login-code").fill(codes(time.time() - 300))
    page.get_by_test_id("factor-confirm").click()
    expect(page.get_by_role("alert")).to_contain_text("手机时间")
    page.get_by_test_id("login-code").fill(codes(time.time()))
    page.get_by_test_id("factor-confirm").click()
    expect(page.get_by_test_id("recovery-codes").locator("li")).to_have_count(8)
    recovery = page.get_by_test_id("recovery-codes").locator("li").all_inner_texts()
    assert complaints(page, None) == []
    page.get_by_test_id("factor-kept").click()
    expect(page.get_by_test_id("centre-overview")).to_be_visible()

    page.get_by_test_id("centre-nav-users").click()
    page.get_by_test_id("user-new").click()
    page.get_by_test_id("user-name").fill("写到一半")
    page.clock.install()
    page.clock.fast_forward(16 * MINUTE_MS)
    expect(page.get_by_test_id("cover")).to_be_visible()
    expect(page.get_by_test_id("user-name")).to_be_hidden()
    assert complaints(page, None) == []
    page.keyboard.press("Escape")
    page.get_by_test_id("cover-password").fill("wrong-pass-1")
    page.get_by_test_id("cover-open").click()
    expect(page.get_by_role("alert")).to_contain_text("密码")
    page.get_by_test_id("cover-password").fill(PASSWORD)
    page.get_by_test_id("cover-open").click()
    expect(page.get_by_test_id("cover")).to_have_count(0)
    expect(page.get_by_test_id("user-name")).to_have_value("写到一半")
    page.get_by_test_id("sheet-close").click()

    # The shift is over: the server ends the sign-in, whatever the page does.
    server.run_sql("UPDATE \"grant\" SET expires_at = 1")
    page.get_by_test_id("user-search").fill("head")
    page.get_by_test_id("user-search").press("Enter")
    expect(page.get_by_test_id("cover")).to_have_attribute("data-why", "ended")
    page.get_by_test_id("cover-password").fill(PASSWORD)
    page.get_by_test_id("cover-open").click()
    page.get_by_test_id("login-code").fill(recovery[0])
    page.get_by_test_id("cover-open").click()
    expect(page.get_by_test_id("cover")).to_have_count(0)
    expect(page.get_by_test_id("user-search")).to_have_value("head")

    page.get_by_test_id("centre-account").click()
    expect(page.get_by_test_id("own-sign-ins")).to_contain_text("还剩 7 个恢复码")
    page.get_by_test_id("sheet-close").click()
    page.get_by_test_id("centre-logout").click()
    sign_in(page, "admin", PASSWORD)
    page.get_by_test_id("login-code").fill(recovery[0])
    page.get_by_test_id("login-submit").click()
    expect(page.get_by_role("alert")).to_contain_text("不正确")
    page.context.close()


def test_the_lock_of_a_handheld_stops_no_patrol(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    station = server.run("post", "list", "patrol01a").split("\t")[2]
    handheld = Handheld(playwright, tmp_path / "a", f"http://127.0.0.1:{server.port}")
    page, points = handheld.page, fixes(8)
    handheld.enrol(server.device_code("walk", station), "patrol01a")
    handheld.settle()
    handheld.go("/patrol")
    handheld.tap("patrol-start")
    page.locator("[data-testid^='start-plan-']").first.click()
    expect(page.get_by_test_id("patrol-card")).to_have_attribute("data-status", "ongoing")
    patrol = page.url.rsplit("/", 1)[1]
    page.clock.install()
    feed(handheld, points[:3])
    page.clock.fast_forward(11 * MINUTE_MS)
    expect(page.get_by_test_id("cover")).to_be_visible()
    assert complaints(page, 44) == []
    before = handheld.run("async (engine, id) => engine.record(id).sets.track?.length ?? 0", patrol)
    feed(handheld, points[3:])
    page.clock.fast_forward(11 * MINUTE_MS)
    page.wait_for_function("given => window.xunan_debug.record(given[0]).sets.track?.length > given[1]", arg=[patrol, before])
    expect(page.get_by_test_id("cover")).to_be_visible()
    for digit in "111111":
        handheld.tap(f"pin-{digit}")
    expect(page.get_by_test_id("cover").get_by_role("alert")).to_contain_text("PIN")
    for digit in PIN:
        handheld.tap(f"pin-{digit}")
    expect(page.get_by_test_id("cover")).to_have_count(0)
    expect(page.get_by_test_id("patrol-card")).to_have_attribute("data-status", "ongoing")
    handheld.go("/settings")
    expect(page.get_by_test_id("own-sign-ins")).to_contain_text("本机")

    # Signed out without a network: the server is told when there is one again.
    handheld.wait_installed()
    handheld.offline(True)
    handheld.tap("logout")
    handheld.tap("logout-confirm")
    expect(page.get_by_test_id("login-username")).to_be_visible()
    assert server.run_sql("SELECT COUNT(*) FROM \"grant\" WHERE user_id = 'u_patrol01a' AND revoked_at IS NULL") == [(1,)]
    with page.expect_response("**/api/v1/sessions/ended"):
        handheld.offline(False)
        handheld.run("async (engine) => engine.sync_now()")
    assert server.run_sql("SELECT COUNT(*) FROM \"grant\" WHERE user_id = 'u_patrol01a' AND revoked_at IS NULL") == [(0,)]
    assert handheld.errors == []
    handheld.close()
