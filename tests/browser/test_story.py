"""The main job, end to end: two handhelds without signal, a bad link, a station head, a town centre, nothing lost.

One test on purpose: each step stands on what the one before left behind. Follows the numbered story of the README's tour.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect, sync_playwright

from tests.browser.handheld import Handheld
from tests.tools import checker
from tests.tools.chromium import ARGUMENTS, find
from tests.tools.evidence import fixes, photo
from tests.tools.serving import PASSWORD, Server
from tests.tools.wire import Wire


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as found:
        yield found


@pytest.fixture
def town(tmp_path: Path) -> Iterator[tuple[Server, Wire, Path]]:
    """A running server behind a wire."""
    wire = Wire()
    folder = tmp_path / "server"
    folder.mkdir()
    server = Server(folder, wire.port)
    wire.target_port = server.port
    server.start()

    def power_cut() -> None:
        server.kill9()
        server.start()

    wire.kill = power_cut
    yield server, wire, folder
    server.kill9()
    wire.close()


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
    page.get_by_test_id("patrol-end").scroll_into_view_if_needed()
    box = page.get_by_test_id("patrol-end").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.wait_for_function("id => window.xunan_debug.record(id).v.status === 'done'", arg=patrol)
    page.mouse.up()
    return patrol


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


def edit(handheld: Handheld, rec: str, **fields: str) -> None:
    """An edit of a record's fields, as a form writes it."""
    handheld.run(
        "async (engine, given) => engine.write([{ rec: given.rec, kind: 'hazard', f: given.fields }])",
        {"rec": rec, "fields": fields},
    )


def hold(handheld: Handheld, rec: str, field: str) -> str:
    return str(handheld.run("async (engine, given) => String(engine.record(given[0])?.v[given[1]])", [rec, field]))


def test_two_handhelds_without_signal_and_one_town_that_loses_nothing(
    playwright: Playwright, town: tuple[Server, Wire, Path], tmp_path: Path
) -> None:
    server, wire, folder = town
    base = f"http://127.0.0.1:{wire.port}"
    station = server.run("post", "list", "patrol07a").split("\t")[2]
    a = Handheld(playwright, tmp_path / "a", base)
    b = Handheld(playwright, tmp_path / "b", base)

    # 2 Two handhelds enrol, receive their station, lose the network, reload and unlock by PIN.
    for handheld, user in ((a, "patrol07a"), (b, "patrol07b")):
        handheld.enrol(server.device_code(user, station), user)
        handheld.settle()
        handheld.wait_installed()
        handheld.offline(True)
        handheld.page.reload()
        handheld.unlock()
    hazards = a.run("async (engine) => engine.records('hazard').map((rec) => rec.id).sort()")
    lot = a.run("async (engine) => engine.records('stock_lot').filter((rec) => rec.v.on_hand > 6).map((rec) => [rec.id, rec.v.item, rec.v.on_hand]).sort()[0]")
    person = a.run("async (engine) => engine.records('transfer').map((rec) => [rec.v.person, rec.id]).sort()[0]")
    assert len(hazards) >= 3

    # 3 Offline work on both, some of it on the same things.
    patrol = walk_patrol(a)
    record_hazard(a, "corridor_clutter", photo(0, tmp_path))
    move_stock(a, lot[1], 3, "issue")
    mark_person(a, person[0], "notified")
    edit(a, hazards[0], owner_person="示例责任人丙", measure="立即清理")
    edit(a, hazards[1], place="3号楼2层")

    record_hazard(b, "ebike_charging", photo(1, tmp_path))
    move_stock(b, lot[1], lot[2] - 1, "count")
    mark_person(b, person[0], "missing")
    edit(b, hazards[0], owner_person="示例责任人丁")
    edit(b, hazards[1], note="已拍照")

    # 4 Both return through a bad link: kill -9 during a push, an answer cut after the commit, an upload cut half-way.
    wire.faults.update({"kill_server": 1, "cut_answer": 1, "cut_upload": 1})
    a.offline(False)
    a.settle()
    wire.faults.update({"cut_answer": 1, "cut_upload": 1})
    b.offline(False)
    b.settle()
    a.settle()
    assert wire.happened["kill_server"] == 1
    assert wire.happened["cut_answer"] >= 1
    assert wire.happened["cut_upload"] >= 1
    assert server.starts == 2

    for handheld in (a, b):
        assert hold(handheld, hazards[1], "place") == "3号楼2层"
        assert hold(handheld, hazards[1], "note") == "已拍照"
        assert hold(handheld, hazards[0], "measure") == "立即清理"
        assert hold(handheld, person[1], "status") == "missing"
        disputed = handheld.run("async (engine) => engine.conflicts().map((each) => [each.rec, each.field]).sort()")
        assert [hazards[0], "owner_person"] in disputed
        assert [person[1], "status"] in disputed
        stock = handheld.run("async (engine, id) => engine.record(id).counters.on_hand", lot[0])
        assert stock == {"value": lot[2] - 1 - 3, "disputed": False, "recount_advised": True, "negative": False}
    track = a.run("async (engine, id) => [engine.record(id).sets.track?.length, engine.record(id).logs.pauses?.length]", patrol)
    assert track[0] >= 1
    assert track[1] >= 2

    # 5 The station head decides offline; another decision made elsewhere meanwhile is a new conflict.
    head = Handheld(playwright, tmp_path / "head", base)
    head.enrol(server.device_code("head07", station), "head07")
    head.settle()
    head.wait_installed()
    head.offline(True)
    b.offline(True)
    decide(head, hazards[0], "owner_person", 0)
    decide(b, hazards[0], "owner_person", 1)
    decide(head, person[1], "status", 0)
    for handheld in (head, b):
        handheld.offline(False)
        handheld.settle()
    a.settle()
    left = a.run("async (engine) => engine.conflicts().map((each) => [each.rec, each.field])")
    assert left == [[hazards[0], "owner_person"]]
    head.settle()
    decide(head, hazards[0], "owner_person", 0)
    for handheld in (head, a, b):
        handheld.settle()
    assert a.run("async (engine) => engine.conflicts().length") == 0
    assert hold(a, hazards[0], "owner_person") == hold(head, hazards[0], "owner_person") == hold(b, hazards[0], "owner_person")

    # 6 The town centre sees it, stamped, with every record's history.
    centre(playwright, base, tmp_path / "centre", station, hazards[0])

    # 7 Nothing lost, nothing twice, all equal.
    report = json.loads(server.run("verify"))
    assert report["ok"], report
    lines = checker.logged(folder)
    assert checker.gaps(lines) == []
    truth = checker.server_states(folder)
    for handheld in (a, b, head):
        states = handheld.states()
        assert len(states) > 100
        assert checker.differing(states, truth) == []
        assert handheld.errors == []
        handheld.close()


def decide(handheld: Handheld, rec: str, field: str, candidate: int) -> None:
    """Take one candidate on the conflict screen."""
    handheld.go(f"/conflict/{rec}/{field}")
    handheld.tap(f"candidate-{candidate}")
    handheld.tap("resolve-save")
    handheld.page.wait_for_function(
        "given => !window.xunan_debug.conflicts().some((each) => each.rec === given[0] && each.field === given[1])", arg=[rec, field]
    )


def centre(playwright: Playwright, base: str, profile: Path, station: str, hazard: str) -> None:
    """The operator's desk at 1440×900."""
    context = playwright.chromium.launch_persistent_context(
        str(profile), executable_path=find(), args=ARGUMENTS, viewport={"width": 1440, "height": 900}, locale="zh-CN"
    )
    context.set_default_timeout(30_000)
    page: Page = context.pages[0]
    page.goto(base)
    page.get_by_test_id("enrol-desk").click()
    page.get_by_test_id("login-username").fill("operator")
    page.get_by_test_id("login-password").fill(PASSWORD)
    page.get_by_test_id("login-submit").click()
    expect(page.get_by_test_id("centre-overview")).to_be_visible()
    expect(page.get_by_test_id("stamp").first).to_contain_text(re.compile("数据截至"))
    expect(page.get_by_test_id(f"station-row-{station}")).to_be_visible()
    page.get_by_test_id("centre-nav-hazards").click()
    page.evaluate("id => { location.hash = `#/centre/hazards?open=${id}` }", hazard)
    context.close()
