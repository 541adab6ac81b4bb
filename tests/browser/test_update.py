"""A new version of the app arrives while the queue is full and a form is open: nobody is interrupted, nothing is lost (properties 16, 17)."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect, sync_playwright

from tests.browser.handheld import Handheld
from tests.browser.steps import record_hazard
from tests.faults.town import wait_until
from tests.tools import checker
from tests.tools.evidence import photo
from tests.tools.serving import ROOT, Server
from tests.tools.wire import Wire

NOTE = "写了一半的说明"
PENDING = "async (engine) => [engine.status().pending_ops, engine.status().pending_files]"
WAITING = "async () => { const worker = await navigator.serviceWorker.getRegistration(); await worker.update(); }"


@pytest.fixture
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as found:
        yield found


def build_number_two(served: Path) -> None:
    """Another build in the same place: the page and the worker's list of files differ, as they do after every release."""
    page, worker = served / "index.html", served / "sw.js"
    page.write_text(page.read_text(encoding="utf-8").replace("<head>", '<head><meta name="build" content="2">', 1), encoding="utf-8")
    text = worker.read_text(encoding="utf-8")
    listed = re.search(r'{"revision":"([0-9a-f]{32})","url":"index.html"}', text)
    assert listed is not None
    worker.write_text(text.replace(listed[1], "2" * 32), encoding="utf-8")


def test_an_update_with_a_full_queue_loses_nothing_and_waits_to_be_asked(playwright: Playwright, tmp_path: Path) -> None:
    served, folder, wire = tmp_path / "served", tmp_path / "server", Wire()
    shutil.copytree(os.environ.get("XUNAN_PWA_DIR", ROOT / "pwa" / "dist"), served)
    folder.mkdir()
    server = Server(folder, wire.port, stations=1, records=12)
    server.environment["XUNAN_PWA_DIR"] = str(served)
    wire.target_port = server.port
    server.start()
    try:
        station = server.run("post", "list", "patrol01a").split("\t")[2]
        handheld = Handheld(playwright, tmp_path / "a", f"http://127.0.0.1:{wire.port}")
        page = handheld.page
        handheld.enrol(server.device_code("update", station), "patrol01a")
        handheld.settle()
        handheld.wait_installed()
        wire.api_down = True
        for number, kind in enumerate(("corridor_clutter", "ebike_charging")):
            record_hazard(handheld, kind, photo(number, tmp_path))
        held = handheld.run(PENDING)
        assert held[0] >= 4
        assert held[1] >= 2

        # The new version comes while a form is open: it is offered, and nothing else happens.
        handheld.go("/hazard-new")
        page.get_by_test_id("field-note").fill(NOTE)
        page.evaluate("() => { window.same_page = true }")
        build_number_two(served)
        page.evaluate(WAITING)
        expect(page.get_by_test_id("toast")).to_be_visible()
        expect(page.get_by_test_id("field-note")).to_have_value(NOTE)
        assert page.evaluate("() => window.same_page && !document.querySelector('meta[name=build]')")

        # Taken when the user says so; the page comes back as the new build, locked, with everything it held.
        handheld.go("/settings")
        handheld.tap("app-update")
        expect(page.get_by_test_id("pin-1")).to_be_visible()
        assert page.evaluate("() => document.querySelector('meta[name=build]').content") == "2"
        handheld.unlock()
        assert handheld.run(PENDING) == held
        handheld.go("/hazard-new")
        expect(page.get_by_test_id("field-note")).to_have_value(NOTE)

        # And all of it arrives, once.
        wire.api_down = False
        handheld.settle()
        lines = checker.logged(folder)
        assert checker.gaps(lines) == []
        assert checker.differing(handheld.states(), checker.server_states(folder)) == []
        wait_until(lambda: len(list((folder / "files").rglob("*.thumb.webp"))) >= 2, "small images")
        assert handheld.errors == []
        handheld.close()
    finally:
        server.kill9()
        wire.close()
