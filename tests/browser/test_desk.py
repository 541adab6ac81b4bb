"""The desk: an administrator makes a user who then works; a bundle carried from a handheld that never found a network is imported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect, sync_playwright

from tests.browser.handheld import Handheld
from tests.browser.steps import hold, open_centre, record_hazard
from tests.tools.evidence import photo
from tests.tools.serving import Server, free_port

WEAK, GOOD, OWN = "short1", "desk-pass-2026", "tide-and-seawall-73"


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port = free_port()
    made = Server(tmp_path_factory.mktemp("desk"), port, stations=2, records=24)
    made.port = port
    made.environment["PORT"] = str(port)
    made.start()
    yield made
    made.kill9()


def test_an_administrator_makes_a_user_who_then_works(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    base = f"http://127.0.0.1:{server.port}"
    page = open_centre(playwright, base, tmp_path / "admin", "admin")
    page.get_by_test_id("centre-nav-users").click()
    page.get_by_test_id("user-new").click()
    page.get_by_test_id("user-username").fill("zhangsan")
    page.get_by_test_id("user-name").fill("张三示例")
    page.get_by_test_id("user-password").fill(WEAK)
    page.get_by_test_id("user-add").click()
    expect(page.get_by_role("alert")).to_contain_text("密码")
    page.get_by_test_id("user-password").fill(GOOD)
    page.get_by_test_id("user-add").click()
    page.get_by_test_id("post-role").select_option("head")
    page.get_by_test_id("post-station").select_option(index=1)
    page.get_by_test_id("post-add").click()
    expect(page.get_by_test_id("post-end-head")).to_be_visible()
    # Nothing that ends somebody's work happens at the first click.
    page.get_by_test_id("user-block").click()
    expect(page.get_by_role("alertdialog")).to_contain_text("停用")
    page.get_by_role("alertdialog").get_by_role("button", name="取消").click()
    expect(page.get_by_test_id("user-block")).to_be_visible()
    page.get_by_test_id("user-password").fill(GOOD + "x")
    page.get_by_test_id("user-reset").click()
    page.get_by_test_id("user-confirm").click()
    expect(page.get_by_test_id("user-confirm")).to_have_count(0)
    page.get_by_test_id("sheet-close").click()
    page.get_by_test_id("user-search").fill("张三")
    page.get_by_test_id("user-search").press("Enter")
    expect(page.get_by_test_id("user-zhangsan")).to_contain_text("站长")
    page.get_by_test_id("centre-nav-audit").click()
    expect(page.get_by_test_id("audit-table")).to_contain_text("张三示例")

    page.context.close()
    head = open_centre(playwright, base, tmp_path / "head", "zhangsan", GOOD + "x")
    expect(head.get_by_test_id("centre-nav-users")).to_have_count(0)
    head.get_by_test_id("centre-password").click()
    head.get_by_test_id("password-old").fill(GOOD + "x")
    head.get_by_test_id("password-new").fill("password123")
    head.get_by_test_id("password-save").click()
    expect(head.get_by_role("alert")).to_contain_text("常见")
    head.get_by_test_id("password-new").fill(OWN)
    head.get_by_test_id("password-save").click()
    expect(head.get_by_test_id("toast")).to_contain_text("密码已修改")
    head.context.close()


def test_an_open_desk_shows_what_arrives_without_being_asked(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    base = f"http://127.0.0.1:{server.port}"
    station = server.run("post", "list", "patrol01a").split("\t")[2]
    page = open_centre(playwright, base, tmp_path / "operator", "operator")
    page.get_by_test_id("centre-nav-hazards").click()
    expect(page.get_by_test_id("list-table")).to_be_visible()
    handheld = Handheld(playwright, tmp_path / "b", base)
    handheld.enrol(server.device_code("live", station), "patrol01a")
    handheld.settle()
    handheld.run(
        "async (engine) => engine.write([{ kind: 'hazard', f: { title: '刚刚发现的裂缝', severity: 'general', status: 'found' } }])"
    )
    handheld.settle()
    expect(page.get_by_test_id("list-table")).to_contain_text("刚刚发现的裂缝")
    handheld.close()
    page.context.close()


def test_a_bundle_carried_from_a_handheld_brings_everything(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    base = f"http://127.0.0.1:{server.port}"
    station = server.run("post", "list", "patrol01a").split("\t")[2]
    handheld = Handheld(playwright, tmp_path / "a", base)
    handheld.enrol(server.device_code("lost", station), "patrol01a")
    handheld.settle()
    handheld.wait_installed()
    handheld.offline(True)
    record_hazard(handheld, "corridor_clutter", photo(0, tmp_path))
    handheld.go("/queue")
    with handheld.page.expect_download() as saved:
        handheld.tap("rescue-export")
    bundle = tmp_path / saved.value.suggested_filename
    saved.value.save_as(bundle)

    page = open_centre(playwright, base, tmp_path / "operator", "operator")
    page.get_by_test_id("centre-nav-devices").click()
    page.get_by_test_id("rescue-open").click()
    for stored in ("新收 2 条", "已有 2 条"):
        page.get_by_test_id("rescue-file").set_input_files(bundle)
        expect(page.get_by_test_id("rescue-outcome")).to_contain_text(stored)
        expect(page.get_by_test_id("rescue-outcome")).to_have_attribute("data-complete", "true")
    page.context.close()

    # When the handheld finds a network after all, nothing is stored twice.
    before = server.run("verify")
    handheld.offline(False)
    handheld.settle()
    assert server.run("verify") == before
    rec = handheld.run("async (engine) => engine.records('hazard').sort((a, b) => b.created_at - a.created_at)[0].id")
    assert hold(handheld, rec, "hazard_type") == "corridor_clutter"
    assert handheld.errors == []
    handheld.close()
