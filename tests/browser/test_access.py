"""Everybody can use every screen: no axe violation, targets a finger hits, in the normal and the elder view (M-70, targets.md B)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect, sync_playwright
from sqlalchemy import text

from server.db import db, reading
from server.ledger.write import append
from tests.browser.handheld import Handheld
from tests.browser.screens import centre_pages, complaints, field_paths
from tests.browser.steps import open_centre, record_hazard
from tests.tools.evidence import photo
from tests.tools.serving import Server, free_port

TARGET = {"normal": 44, "elder": 60}
SET_VIEW = "next => { localStorage.setItem('xunan.view', next); if (next === 'normal') delete document.documentElement.dataset.view; else document.documentElement.dataset.view = next; }"


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port = free_port()
    made = Server(tmp_path_factory.mktemp("access"), port, stations=2, records=60)
    made.port = port
    made.environment["PORT"] = str(port)
    made.start()
    yield made
    made.kill9()


def dispute(server: Server) -> str:
    """Give a hazard two places at once; its id."""
    db.init(server.environment["XUNAN_DATABASE_URL"])
    try:
        with reading() as session:
            rec, scope = session.execute(
                text("SELECT id, scope FROM k_hazard WHERE place IS NOT NULL AND scope = (SELECT MIN(scope) FROM k_hazard) ORDER BY id LIMIT 1")
            ).one()
            operator = session.execute(text("SELECT id FROM \"user\" WHERE username = 'operator'")).scalar_one()
        append(db.session(), operator, [{"rec": rec, "kind": "hazard", "scope": scope, "f": {"place": {"k": "reg", "v": "另一处", "b": []}}}])
    finally:
        db.close()
    return str(rec)


def test_every_handheld_screen(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    hazard = dispute(server)
    station = server.run("post", "list", "patrol01a").split("\t")[2]
    handheld = Handheld(playwright, tmp_path / "a", f"http://127.0.0.1:{server.port}")
    page, found, seen = handheld.page, {}, set()

    def look(path: str, name: str = "") -> None:
        for view, minimum in TARGET.items():
            page.evaluate(SET_VIEW, view)
            if wrong := complaints(page, minimum):
                found[f"{path} {name} {view}"] = wrong
        page.evaluate(SET_VIEW, "normal")
        seen.add(path)

    page.goto(handheld.base)
    expect(page.get_by_test_id("enrol-code")).to_be_visible()
    look("/enrol")
    page.get_by_test_id("enrol-code").fill(server.device_code("access", station))
    handheld.tap("enrol-submit")
    expect(page.get_by_test_id("login-username")).to_be_visible()
    look("/login")
    page.get_by_test_id("login-username").fill("patrol01a")
    page.get_by_test_id("login-password").fill(server.run("user", "password", "patrol01a").strip())
    handheld.tap("login-submit")
    expect(page.get_by_test_id("setup-new")).to_be_visible()
    look("/setup")
    for field in ("setup-new", "setup-again"):
        page.get_by_test_id(field).fill("tide-and-seawall-73")
    handheld.tap("setup-save")
    expect(page.get_by_test_id("pin-step")).to_be_visible()
    look("/pin")
    handheld.choose_pin()
    handheld.settle()
    record_hazard(handheld, "corridor_clutter", photo(0, tmp_path))
    ids = handheld.run(
        """async (engine) => Object.fromEntries(['patrol', 'inspection', 'stock_item', 'person']
             .map((kind) => [kind, engine.records(kind).map((rec) => rec.id).sort()[0]]))"""
    )
    named = {"/patrol/:id": ids["patrol"], "/inspection/:id": ids["inspection"], "/stock/:id": ids["stock_item"], "/person/:id": ids["person"], "/hazard/:id": hazard}
    for path in field_paths():
        if path in seen or path == "/unlock":
            continue
        route = path.replace(":rec", hazard).replace(":field", "place").replace(":id", named.get(path) or "")
        handheld.go(route)
        page.wait_for_function("route => location.hash === `#${route}`", arg=route)
        expect(page.locator("main h1, main h2, main section, main .card, main .row, main form, main fieldset, main .empty, main .map").first).to_be_visible()
        look(path)
    for path, rec, verb in (("/stock/:id", ids["stock_item"], "lot-issue"), ("/stock/:id", ids["stock_item"], "lot-count"), ("/hazard/:id", hazard, "edit")):
        handheld.go(path.replace(":id", rec))
        handheld.tap(verb)
        expect(page.get_by_test_id("save")).to_be_visible()
        look(path, verb)
        handheld.tap("sheet-close")
    handheld.go("/today")
    page.reload()
    expect(page.get_by_test_id("pin-1")).to_be_visible()
    look("/unlock")
    handheld.close()
    assert not found, "\n".join(f"{name}\n    " + "\n    ".join(wrong) for name, wrong in found.items())
    assert seen == set(field_paths())
    assert handheld.errors == []


def test_every_page_of_the_desk(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    page = open_centre(playwright, f"http://127.0.0.1:{server.port}", tmp_path / "desk", "admin")
    found = {}
    for name in centre_pages():
        page.evaluate("route => { location.hash = route }", f"#/centre/{name}")
        expect(page.get_by_test_id(f"centre-nav-{name}")).to_have_attribute("aria-current", "page")
        expect(page.locator("main h1, main h2, main table, main .empty, main .card").first).to_be_visible()
        if wrong := complaints(page, None):
            found[name] = wrong
    # A record beside its list, and a sheet over it.
    page.evaluate("() => { location.hash = '#/centre/hazards' }")
    page.get_by_test_id("list-table").locator("tbody tr").first.click()
    expect(page.get_by_test_id("detail-panel")).to_be_visible()
    if wrong := complaints(page, None):
        found["hazards, a record"] = wrong
    page.evaluate("() => { location.hash = '#/centre/users' }")
    page.get_by_test_id("user-new").click()
    expect(page.get_by_test_id("user-username")).to_be_visible()
    if wrong := complaints(page, None):
        found["users, a sheet"] = wrong
    page.context.close()
    assert not found, "\n".join(f"{name}\n    " + "\n    ".join(wrong) for name, wrong in found.items())
