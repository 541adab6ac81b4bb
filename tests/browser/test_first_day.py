"""What people stumble over on their first day with a handheld: what is counted, what is kept, what a new record says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect, sync_playwright

from tests.browser.handheld import Handheld
from tests.browser.steps import hold, inspect, record_hazard, walk_patrol
from tests.tools.evidence import photo
from tests.tools.serving import Server, free_port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port = free_port()
    made = Server(tmp_path_factory.mktemp("first"), port, stations=2, records=24)
    made.port = port
    made.environment["PORT"] = str(port)
    made.start()
    yield made
    made.kill9()


@pytest.fixture
def handheld(server: Server, tmp_path: Path) -> Iterator[Handheld]:
    station = server.run("post", "list", "patrol01a").split("\t")[2]
    with sync_playwright() as playwright:
        found = enrolled(playwright, server, tmp_path, station)
        yield found
        assert found.errors == []
        found.close()


def enrolled(playwright: Playwright, server: Server, tmp_path: Path, station: str) -> Handheld:
    """A handheld with the data of its station that needs no network any more."""
    found = Handheld(playwright, tmp_path / "a", f"http://127.0.0.1:{server.port}")
    found.enrol(server.device_code(tmp_path.name[:20], station), "patrol01a")
    found.settle()
    found.wait_installed()
    return found


def test_a_draft_is_called_kept_only_after_somebody_put_something_in(handheld: Handheld, tmp_path: Path) -> None:
    page = handheld.page
    handheld.go("/hazard-new")
    # The position comes by itself; nobody has typed anything.
    expect(page.get_by_test_id("auto-place")).to_have_class("note ok")
    expect(page.get_by_test_id("draft-state")).to_have_attribute("data-state", "empty")
    assert handheld.run("async (engine) => engine.drafts.keys()") == []
    # A photo bears the id of the draft: that must be there after the page was killed.
    page.locator("[data-testid^='photo-input']").first.set_input_files(photo(0, tmp_path))
    expect(page.get_by_test_id("photo")).to_have_count(1)
    expect(page.get_by_test_id("draft-state")).to_have_attribute("data-state", "saved")
    page.reload()
    handheld.unlock()
    handheld.go("/hazard-new")
    expect(page.get_by_test_id("photo")).to_have_count(1)
    handheld.tap("discard")


def test_what_is_said_in_passing_covers_neither_the_title_nor_the_state_of_delivery(handheld: Handheld, tmp_path: Path) -> None:
    page = handheld.page
    record_hazard(handheld, "corridor_clutter", photo(0, tmp_path))
    box = page.get_by_test_id("toast").bounding_box()
    assert box is not None
    for other in (page.locator("h1"), page.get_by_test_id("sync-bar"), page.locator(".tabs")):
        there = other.bounding_box()
        assert there is not None
        assert box["y"] >= there["y"] + there["height"] or there["y"] >= box["y"] + box["height"]


def test_a_finding_says_where_it_came_from_and_of_what_type_it_is(handheld: Handheld, tmp_path: Path) -> None:
    record_hazard(handheld, "corridor_clutter", photo(0, tmp_path))
    quick = handheld.page.url.rsplit("/", 1)[1]
    assert hold(handheld, quick, "source") == "patrol"
    inspection, hazard = inspect(handheld, "三号楼", photo(1, tmp_path))
    template = hold(handheld, inspection, "template")
    item = hold(handheld, hazard, "item_id")
    kinds = "async (engine, id) => engine.record(id).v.sections.flatMap((one) => one.items).map((one) => [one.id, one.hazard_type])"
    assert hold(handheld, hazard, "hazard_type") == dict(handheld.run(kinds, template))[item]
    assert hold(handheld, hazard, "source") == "patrol"


def test_a_very_long_record_takes_no_more_than_its_row(handheld: Handheld) -> None:
    title = "很长的隐患描述" * 28
    fields = {"title": title, "place": title, "severity": "general", "status": "found"}
    rec = handheld.run("async (engine, f) => (await engine.write([{ kind: 'hazard', f }])).recs[0]", fields)
    handheld.go("/hazards")
    row = handheld.page.locator(f"a.row[href='#/hazard/{rec}']")
    expect(row).to_be_visible()
    box = row.bounding_box()
    assert box is not None
    # Two lines of title, three of facts.
    assert box["height"] < 150
    assert handheld.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_the_queue_shows_a_patrol_once_and_calls_its_track_a_track(handheld: Handheld) -> None:
    page = handheld.page
    handheld.offline(True)
    walk_patrol(handheld)
    handheld.go("/queue")
    rows = page.locator("[data-testid='queue-row'][data-state='waiting']")
    expect(rows.filter(has_text="段轨迹")).to_have_count(1)
    expect(rows.filter(has_text="日常巡查").filter(has_not_text="段轨迹")).to_have_count(1)
    expect(page.get_by_test_id("queue-safe")).to_contain_text("1 条 / ")
    expect(page.get_by_test_id("queue-safe")).not_to_contain_text("照片")
    page.get_by_test_id("queue-parts").first.click()
    expect(page.get_by_test_id("queue-part").nth(1)).to_be_visible()
    handheld.go("/patrol")
    expect(page.locator("main")).to_contain_text("不到 1 分钟")
