"""The main job, end to end: two handhelds without signal, a bad link, a station head, a town centre, nothing lost.

One test on purpose: each step stands on what the one before left behind. Follows the numbered story of the README's tour.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, Route, expect, sync_playwright

from tests.browser.handheld import Handheld
from tests.browser.steps import (
    arrive,
    decide,
    edit,
    head_count,
    hold,
    inspect,
    mark_person,
    move_stock,
    open_centre,
    record_hazard,
    walk_patrol,
)
from tests.tools import checker
from tests.tools.evidence import photo
from tests.tools.leaks import leaks
from tests.tools.serving import Server
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
    person, other = a.run(
        """async (engine) => engine.records('transfer').filter((rec) => rec.v.status === 'pending' && rec.v.shelter)
             .map((rec) => [rec.v.person, rec.id, rec.v.shelter]).sort().slice(0, 2)"""
    )
    assert len(hazards) >= 3
    here = head_count(a, other[2])

    # 3 Offline work on both, some of it on the same things.
    patrol = walk_patrol(a)
    record_hazard(a, "corridor_clutter", photo(0, tmp_path))
    move_stock(a, lot[1], 3, "issue")
    mark_person(a, person[0], "notified")
    edit(a, hazards[0], owner_person="示例责任人丙", measure="立即清理")
    edit(a, hazards[1], place="3号楼2层")
    inspection, found = inspect(a, "示例路12号", photo(2, tmp_path))

    record_hazard(b, "ebike_charging", photo(1, tmp_path))
    move_stock(b, lot[1], lot[2] - 1, "count")
    mark_person(b, person[0], "missing")
    edit(b, hazards[0], owner_person="示例责任人丁")
    edit(b, hazards[1], note="已拍照")
    arrive(b, other[0])
    counted = head_count(b, other[2])
    assert counted > here

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
        assert hold(handheld, inspection, "status") == "done"
        assert hold(handheld, found, "inspection") == inspection
        assert hold(handheld, other[1], "status") == "arrived"
        assert head_count(handheld, other[2]) == counted
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

    # 6 The town centre sees it, stamped, on a map, with every record's history.
    centre(open_centre(playwright, base, tmp_path / "centre", "operator"), station, hazards[0], patrol, checker.name_of(folder, person[0]))

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

    # 8 And nobody's name, number or password stands in a log or an address.
    assert "/api/v1/centre/list/person" in wire.asked
    assert server.log.stat().st_size > 0
    assert leaks(server, wire.asked) == []


def centre(page: Page, station: str, hazard: str, patrol: str, named: tuple[str, int]) -> None:
    """Step 6: figures of the station, the map with the track and the hazards, and who changed what when."""
    row = page.get_by_test_id(f"station-row-{station}")
    figures = [cell.strip() for cell in row.locator("td").all_inner_texts()]
    hazards_open, to_move, conflicts, unsent = (int(figures[i]) for i in (0, 4, 9, 10))
    assert hazards_open >= 3
    assert to_move >= 2
    assert (conflicts, unsent) == (0, 0)
    drawn: list[str] = []

    def hear(route: Route) -> None:
        # On its way, not from the debugger's memory: a slow machine has forgotten it by then.
        answer = route.fetch()
        drawn.append(answer.text())
        route.fulfill(response=answer)

    asked = re.compile(r"/centre/map\?")
    page.route(asked, hear)
    with page.expect_response(asked):
        page.get_by_test_id("centre-nav-map").click()
    expect(page.get_by_test_id("centre-map-canvas").locator("canvas")).to_be_visible()
    assert hazard in drawn[-1]
    assert patrol in drawn[-1]
    page.evaluate("id => { location.hash = `#/centre/hazards?rec=${id}` }", hazard)
    panel = page.get_by_test_id("detail-panel")
    expect(panel).to_be_visible()
    rows = panel.get_by_test_id("history-row")
    expect(rows).not_to_have_count(0)
    history = " ".join(rows.all_inner_texts())
    for words in ("示例责任人丙", "示例责任人丁", "立即清理", "终端时间", "中心收到"):
        assert words in history, f"{words} is not in the history: {history}"
    page.get_by_test_id("centre-nav-people").click()
    page.get_by_test_id("centre-tab-person").click()
    page.get_by_test_id("list-search").fill(named[0])
    page.get_by_test_id("list-search").press("Enter")
    expect(page.get_by_test_id("list-table").locator("tbody tr")).to_have_count(named[1])
    page.context.close()
