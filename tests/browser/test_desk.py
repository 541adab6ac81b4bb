"""The desk: an administrator makes a user who then works, and erases a person; a bundle of a handheld that never found a network is imported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gpxpy
import pytest
from playwright.sync_api import Page, Playwright, expect, sync_playwright

from tests.browser.handheld import Handheld
from tests.browser.steps import hold, open_centre, open_desk, record_hazard
from tests.tools.evidence import photo
from tests.tools.serving import PASSWORD, Server, free_port

OWN, NEXT = "tide-and-seawall-73", "reed-and-sluice-48"


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


def show_password(page: Page) -> None:
    """Answer "is it you?"."""
    expect(page.get_by_role("dialog", name="请再次验证身份")).to_contain_text("权限")
    page.get_by_test_id("confirm-password").fill(PASSWORD)
    page.get_by_test_id("confirm-go").click()


def test_an_administrator_makes_a_user_who_then_works(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    base = f"http://127.0.0.1:{server.port}"
    page = open_centre(playwright, base, tmp_path / "admin", "admin")
    page.get_by_test_id("centre-nav-users").click()
    page.get_by_test_id("user-new").click()
    page.get_by_test_id("user-username").fill("zhangsan")
    page.get_by_test_id("user-name").fill("张三示例")
    page.get_by_test_id("user-add").click()
    first = page.get_by_test_id("user-given-password").inner_text()
    page.get_by_test_id("post-role").select_option("head")
    page.get_by_test_id("post-station").select_option(index=1)
    server.run_sql('UPDATE "grant" SET confirmed_at = 0')
    page.get_by_test_id("post-add").click()
    show_password(page)
    expect(page.get_by_test_id("post-end-head")).to_be_visible()
    # Nothing that ends somebody's work happens at the first click.
    page.get_by_test_id("user-block").click()
    expect(page.get_by_role("alertdialog")).to_contain_text("停用")
    page.get_by_role("alertdialog").get_by_role("button", name="取消").click()
    expect(page.get_by_test_id("user-block")).to_be_visible()
    page.get_by_test_id("user-reset").click()
    page.get_by_test_id("user-confirm").click()
    expect(page.get_by_test_id("user-given-password")).not_to_have_text(first)
    given = page.get_by_test_id("user-given-password").inner_text()
    page.get_by_test_id("sheet-close").click()
    page.get_by_test_id("user-search").fill("张三")
    page.get_by_test_id("user-search").press("Enter")
    expect(page.get_by_test_id("user-zhangsan")).to_contain_text("站长")
    page.get_by_test_id("centre-nav-audit").click()
    expect(page.get_by_test_id("audit-table")).to_contain_text("张三示例")

    page.context.close()
    head = open_desk(playwright, base, tmp_path / "head", "zhangsan", given)
    for word, again in (("password123", "password123"), (OWN, OWN + "x"), (OWN, OWN)):
        head.get_by_test_id("setup-new").fill(word)
        head.get_by_test_id("setup-again").fill(again)
        head.get_by_test_id("setup-save").click()
        if (word, again) != (OWN, OWN):
            expect(head.get_by_role("alert")).to_contain_text("常见" if word == again else "不一样")
    expect(head.get_by_test_id("centre-overview")).to_be_visible()
    expect(head.get_by_test_id("centre-nav-users")).to_have_count(0)
    head.get_by_test_id("centre-account").click()
    head.get_by_test_id("settings-password").click()
    head.get_by_test_id("password-old").fill(OWN)
    head.get_by_test_id("password-new").fill(NEXT)
    head.get_by_test_id("password-save").click()
    expect(head.get_by_test_id("toast")).to_contain_text("密码已修改")
    head.context.close()


def test_an_administrator_erases_a_person_for_good_after_seeing_what_goes(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    page = open_centre(playwright, f"http://127.0.0.1:{server.port}", tmp_path / "eraser", "admin")
    page.get_by_test_id("centre-nav-people").click()
    page.get_by_role("tab", name="人员").click()
    page.locator("tbody tr").first.click()
    page.get_by_test_id("erase-open").click()
    box = page.locator(".c-erase")
    expect(box).to_contain_text("人员 1")
    # Nothing goes before the word is typed out.
    expect(page.get_by_test_id("erase-go")).to_be_disabled()
    box.get_by_label("录入错误").check()
    page.get_by_test_id("erase-typed").fill("抹除")
    # The desk was left open for a while: it asks who this is, and the deed goes on by itself; whoever closes the question has done nothing.
    server.run_sql('UPDATE "grant" SET confirmed_at = 0')
    page.get_by_test_id("erase-go").click()
    page.get_by_test_id("sheet-close").click()
    expect(page.get_by_test_id("confirm-password")).to_have_count(0)
    expect(page.get_by_test_id("erased-note")).to_have_count(0)
    page.get_by_test_id("erase-go").click()
    show_password(page)
    expect(page.get_by_test_id("erased-note")).to_contain_text("录入错误")
    expect(page.get_by_test_id("erase-open")).to_have_count(0)
    page.get_by_test_id("centre-nav-erasures").click()
    expect(page.get_by_test_id("erased-table")).to_contain_text("人员")
    page.get_by_test_id("due-set").first.click()
    page.get_by_test_id("due-days").fill("365")
    page.get_by_test_id("due-source").fill("镇应急办〔2026〕3 号")
    page.get_by_test_id("due-save").click()
    expect(page.get_by_test_id("due-person_gone")).to_contain_text("最后更新后 365 天")
    page.get_by_test_id("centre-nav-audit").click()
    expect(page.get_by_test_id("audit-table")).to_contain_text("抹除个人信息")
    page.context.close()


def test_the_track_of_a_patrol_is_saved_as_gpx(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    page = open_centre(playwright, f"http://127.0.0.1:{server.port}", tmp_path / "tracks", "operator")
    page.get_by_test_id("centre-nav-patrols").click()
    page.locator("tbody tr").first.click()
    with page.expect_download() as coming:
        page.get_by_test_id("export-track").click()
    path = tmp_path / coming.value.suggested_filename
    coming.value.save_as(path)
    assert path.suffix == ".gpx"
    assert str(gpxpy.parse(path.read_text(encoding="utf-8")).name).startswith(f"巡查 {path.stem}")
    expect(page.get_by_test_id("toast")).to_contain_text("已生成")
    page.context.close()


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
