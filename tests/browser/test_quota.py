"""No room on the handheld: what cannot be kept is said at once, what was reported saved is there, and all goes on when there is room (property 18)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Playwright, expect, sync_playwright

from tests.browser.handheld import Handheld
from tests.browser.steps import record_hazard
from tests.tools import checker
from tests.tools.evidence import photo
from tests.tools.serving import Server, free_port

WRITE = """async (engine, title) => {
  try { await engine.write([{ kind: 'hazard', f: { title, severity: 'general', status: 'found' } }]); return true; } catch (error) { return `${error.name}`; }
}"""
# Enough to unlock and to write, too little for eight photos.
ROOM, PHOTOS = 2_000_000, 8
# Halves of the strips that count tries of the PIN where nothing can be written (pwa/src/store/pin_tries.ts).
STRIPS_LEFT = """() => new Promise((done, failed) => {
  const open = indexedDB.open('xunan-keys');
  open.onerror = () => failed(open.error);
  open.onsuccess = () => {
    const keys = open.result.transaction('kv').objectStore('kv').getAllKeys();
    keys.onsuccess = () => { open.result.close(); done(keys.result.filter((key) => key[0] === 'strip').length); };
  };
})"""
STRIPS = 128
WRONG = "000000"
TITLES = "async (engine) => engine.records('hazard').map((rec) => rec.v.title)"


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


def test_a_full_device_says_so_and_loses_nothing(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    station = server.run("post", "list", "patrol01a").split("\t")[2]
    handheld = Handheld(playwright, tmp_path / "a", f"http://127.0.0.1:{server.port}")
    page, browser = handheld.page, handheld.context.new_cdp_session(handheld.page)
    handheld.enrol(server.device_code("quota", station), "patrol01a")
    handheld.settle()
    handheld.wait_installed()
    handheld.offline(True)
    record_hazard(handheld, "corridor_clutter", photo(0, tmp_path))
    before = set(handheld.run(TITLES))

    # Chromium reads the limit at the first write of a session: the browser is started again.
    used = browser.send("Storage.getUsageAndQuota", {"origin": handheld.base})["usage"]
    handheld.close()
    handheld = Handheld(playwright, tmp_path / "a", f"http://127.0.0.1:{server.port}")
    page, browser = handheld.page, handheld.context.new_cdp_session(handheld.page)
    browser.send("Storage.overrideQuotaForOrigin", {"origin": handheld.base, "quotaSize": used + ROOM})
    page.goto(handheld.base)
    handheld.unlock()
    handheld.offline(True)
    handheld.go("/hazard-new")
    handheld.tap("hazard-type-ebike_charging")
    many = [tmp_path / f"noise{number}.jpg" for number in range(PHOTOS)]
    for path in many:
        Image.effect_noise((1600, 1200), 90).convert("RGB").save(path, quality=90)
    failed, kept = page.get_by_test_id("photo-failed"), 0
    for path in many:
        page.locator("[data-testid^='photo-input']").first.set_input_files(path)
        expect(failed.or_(page.get_by_test_id("photo").nth(kept)).first).to_be_visible()
        if failed.is_visible():
            break
        kept += 1
    expect(failed).to_contain_text("空间")
    expect(page.get_by_test_id("photo")).to_have_count(kept)
    told = {title: handheld.run(WRITE, title) for title in ("满了一", "满了二")}
    saved = {title for title, outcome in told.items() if outcome is True}
    assert {outcome for outcome in told.values() if outcome is not True} <= {"QuotaExceededError"}

    # What was there is there after a reload, what was called saved too, and nothing that was not.
    page.reload()
    handheld.unlock()
    assert set(handheld.run(TITLES)) == before | saved

    # Room again: the same photo is taken, and everything arrives.
    browser.send("Storage.overrideQuotaForOrigin", {"origin": handheld.base})
    handheld.go("/hazard-new")
    handheld.tap("hazard-type-ebike_charging")
    page.locator("[data-testid^='photo-input']").first.set_input_files(photo(1, tmp_path))
    expect(page.get_by_test_id("photo")).to_have_count(kept + 1)
    handheld.offline(False)
    handheld.settle()
    folder = tmp_path / "server"
    assert checker.gaps(checker.logged(folder)) == []
    assert checker.differing(handheld.states(), checker.server_states(folder)) == []
    handheld.close()


def restart_full(playwright: Playwright, old: Handheld, profile: Path) -> Handheld:
    """The same handheld, started again with no byte of room. Chromium reads the limit at the first write of a session."""
    used = old.context.new_cdp_session(old.page).send("Storage.getUsageAndQuota", {"origin": old.base})["usage"]
    old.close()
    handheld = Handheld(playwright, profile, old.base)
    browser = handheld.context.new_cdp_session(handheld.page)
    browser.send("Storage.overrideQuotaForOrigin", {"origin": handheld.base, "quotaSize": used})
    handheld.offline(True)
    handheld.page.goto(handheld.base)
    return handheld


def test_a_device_without_any_room_unlocks_and_delivers(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    station = server.run("post", "list", "patrol01a").split("\t")[2]
    handheld = Handheld(playwright, tmp_path / "a", f"http://127.0.0.1:{server.port}")
    handheld.enrol(server.device_code("full", station), "patrol01a")
    handheld.settle()
    handheld.wait_installed()
    handheld.offline(True)
    record_hazard(handheld, "corridor_clutter", photo(0, tmp_path))
    titles = handheld.run(TITLES)
    assert handheld.page.evaluate(STRIPS_LEFT) == STRIPS

    # A wrong PIN is counted although nothing can be written, and still counted after a new start.
    handheld = restart_full(playwright, handheld, tmp_path / "a")
    for digit in WRONG:
        handheld.tap(f"pin-{digit}")
    expect(handheld.page.get_by_role("alert")).to_contain_text("PIN")
    handheld = restart_full(playwright, handheld, tmp_path / "a")
    assert handheld.page.evaluate(STRIPS_LEFT) == STRIPS - 1
    handheld.unlock()
    assert handheld.run(TITLES) == titles
    assert handheld.run(WRITE, "没有空间") == "QuotaExceededError"

    handheld.offline(False)
    handheld.settle()
    folder = tmp_path / "server"
    assert checker.gaps(checker.logged(folder)) == []
    assert checker.differing(handheld.states(), checker.server_states(folder)) == []
    assert handheld.errors == []
    handheld.close()
