"""What people of the story do, each through the screens a person would use. Holds no expectation but that the step was taken."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, Playwright, expect

from tests.browser.handheld import Handheld
from tests.tools.chromium import ARGUMENTS, find
from tests.tools.evidence import fixes
from tests.tools.serving import PASSWORD


def feed(handheld: Handheld, points: list[tuple[float, float]]) -> None:
    """Move the handheld; each fix is waited for, so that none is skipped."""
    for latitude, longitude in points:
        handheld.context.set_geolocation({"latitude": latitude, "longitude": longitude, "accuracy": 8})
        handheld.page.wait_for_function(
            """latitude => new Promise((done) => navigator.geolocation.getCurrentPosition(
                 (fix) => done(Math.abs(fix.coords.latitude - latitude) < 1e-6), () => done(false), { timeout: 2000, maximumAge: 0 }))""",
            arg=latitude, polling=100,
        )  # fmt: skip


def walk_patrol(handheld: Handheld) -> str:
    """Step 3: start, walk real fixes, pause, go on, check in, end by holding. Returns the patrol's id."""
    page = handheld.page
    points = fixes(12)
    handheld.context.set_geolocation({"latitude": points[0][0], "longitude": points[0][1], "accuracy": 8})
    handheld.go("/patrol")
    handheld.tap("patrol-start")
    page.locator("[data-testid^='start-plan-']").first.click()
    expect(page.get_by_test_id("patrol-card")).to_have_attribute("data-status", "ongoing")
    patrol = page.url.rsplit("/", 1)[1]
    feed(handheld, points[1:6])
    handheld.tap("patrol-pause")
    expect(page.get_by_test_id("patrol-card")).to_have_attribute("data-status", "paused")
    handheld.tap("patrol-resume")
    expect(page.get_by_test_id("patrol-card")).to_have_attribute("data-status", "ongoing")
    feed(handheld, points[6:])
    handheld.tap("checkin-next")
    handheld.tap("checkin-manual")
    page.wait_for_function("id => window.xunan_debug.record(id).logs.checkins?.length === 1", arg=patrol)
    hold_to_end(handheld, "patrol-end", patrol)
    return patrol


def hold_to_end(handheld: Handheld, button: str, rec: str) -> None:
    """Press until the record is done."""
    page = handheld.page
    page.get_by_test_id(button).scroll_into_view_if_needed()
    box = page.get_by_test_id(button).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.wait_for_function("id => window.xunan_debug.record(id).v.status === 'done'", arg=rec)
    page.mouse.up()


def record_hazard(handheld: Handheld, kind: str, picture: Path) -> None:
    """随手报 with a photo."""
    page = handheld.page
    before = handheld.run("async (engine) => engine.records('hazard').length")
    handheld.go("/hazard-new")
    handheld.tap(f"hazard-type-{kind}")
    page.locator("[data-testid^='photo-input']").first.set_input_files(picture)
    expect(page.get_by_test_id("photo").first).to_be_visible()
    handheld.tap("save")
    page.wait_for_function("before => window.xunan_debug.records('hazard').length === before + 1", arg=before)
    # The app goes on to the new hazard by itself; who goes elsewhere before would be fetched back.
    expect(page.get_by_test_id("hazard-type-corridor_clutter")).to_have_count(0)


def move_stock(handheld: Handheld, item: str, amount: int, verb: str) -> None:
    """Issue or count the first lot of an item."""
    handheld.go(f"/stock/{item}")
    handheld.tap(f"lot-{verb}")
    handheld.page.get_by_test_id("qty-input").fill(str(amount))
    handheld.tap("save")
    expect(handheld.page.get_by_test_id("save")).to_have_count(0)


def mark_person(handheld: Handheld, person: str, status: str) -> None:
    """One step of a transfer."""
    handheld.go(f"/person/{person}")
    handheld.tap(f"transfer-{status}")
    handheld.tap("save")
    expect(handheld.page.get_by_test_id("transfer-card")).to_have_attribute("data-status", status)


def edit(handheld: Handheld, hazard: str, **fields: str) -> None:
    """Change fields of a hazard in its form."""
    page = handheld.page
    handheld.go(f"/hazard/{hazard}")
    handheld.tap("edit")
    for name, value in fields.items():
        page.get_by_test_id(f"field-{name}").fill(value)
    handheld.tap("save")
    expect(page.get_by_test_id("save")).to_have_count(0)


def inspect(handheld: Handheld, place: str, picture: Path) -> tuple[str, str]:
    """A checklist run at a place: fine, does not apply, and one that is bad and becomes a hazard. Gives (inspection, hazard)."""
    page = handheld.page
    handheld.go("/patrol")
    handheld.tap("view-inspections")
    handheld.tap("inspection-start")
    page.get_by_test_id("inspection-place").fill(place)
    handheld.tap("inspection-begin")
    expect(page.get_by_test_id("inspection-progress")).to_have_attribute("data-done", "0")
    inspection = page.url.rsplit("/", 1)[1]
    answers = page.locator("[data-testid^='item-']:not([data-testid='item-hazard']):not([data-testid='item-make-hazard'])")
    names = [str(answers.nth(i).get_attribute("data-testid")).removeprefix("item-") for i in range(3)]
    handheld.tap(f"answer-{names[0]}-ok")
    expect(page.get_by_test_id("inspection-progress")).to_have_attribute("data-done", "1")
    handheld.tap(f"answer-{names[1]}-na")
    expect(page.get_by_test_id("inspection-progress")).to_have_attribute("data-done", "2")
    handheld.tap(f"answer-{names[2]}-bad")
    page.locator("[data-testid^='photo-input']").first.set_input_files(picture)
    expect(page.get_by_test_id("photo").first).to_be_visible()
    handheld.tap("finding-save")
    expect(page.get_by_test_id("item-hazard")).to_have_count(1)
    hazard = str(page.get_by_test_id("item-hazard").get_attribute("href")).rsplit("/", 1)[1]
    hold_to_end(handheld, "inspection-finish", inspection)
    return inspection, hazard


def arrive(handheld: Handheld, person: str) -> str:
    """A person is notified, on the way, and arrives at the shelter of the plan. Gives the shelter."""
    for status in ("notified", "moving", "arrived"):
        mark_person(handheld, person, status)
    return str(handheld.run("async (engine, id) => engine.records('transfer').find((rec) => rec.v.person === id).v.shelter", person))


def head_count(handheld: Handheld, shelter: str) -> int:
    """How many heads the shelter's row says are there."""
    handheld.go("/people")
    handheld.tap("view-shelters")
    row = handheld.page.locator(f"[data-testid='shelter-row'][data-id='{shelter}']")
    expect(row).to_be_visible()
    return int(row.locator(".lead").inner_text().split("/")[0])


def hold(handheld: Handheld, rec: str, field: str) -> str:
    return str(handheld.run("async (engine, given) => String(engine.record(given[0])?.v[given[1]])", [rec, field]))


def decide(handheld: Handheld, rec: str, field: str, candidate: int) -> None:
    """Take one candidate on the conflict screen."""
    handheld.go(f"/conflict/{rec}/{field}")
    handheld.tap(f"candidate-{candidate}")
    handheld.tap("resolve-save")
    handheld.page.wait_for_function(
        "given => !window.xunan_debug.conflicts().some((each) => each.rec === given[0] && each.field === given[1])", arg=[rec, field]
    )


def sign_in(page: Page, username: str, password: str) -> None:
    """Name and password on the sign-in screen."""
    page.get_by_test_id("login-username").fill(username)
    page.get_by_test_id("login-password").fill(password)
    page.get_by_test_id("login-submit").click()


def open_desk(playwright: Playwright, base: str, profile: Path, username: str, password: str = PASSWORD) -> Page:
    """A desk, 1440×900, where somebody has just given his name and password."""
    context = playwright.chromium.launch_persistent_context(
        str(profile), executable_path=find(), args=ARGUMENTS, viewport={"width": 1440, "height": 900}, locale="zh-CN"
    )
    context.set_default_timeout(30_000)
    page: Page = context.pages[0]
    page.goto(base)
    page.get_by_test_id("enrol-desk").click()
    sign_in(page, username, password)
    return page


def open_centre(playwright: Playwright, base: str, profile: Path, username: str, password: str = PASSWORD) -> Page:
    """The desk of the town centre, signed in."""
    page = open_desk(playwright, base, profile, username, password)
    expect(page.get_by_test_id("centre-overview")).to_be_visible()
    expect(page.get_by_test_id("stamp").first).to_contain_text(re.compile("数据截至"))
    return page
