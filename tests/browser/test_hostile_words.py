"""What people typed is only ever words: markup in every text field of every kind runs nowhere, and no name turns its neighbours round.

The town is spoilt through the ledger as a hostile handheld would (any text in any field, unknown codes too), then every screen of the
handheld and of the desk is opened: no script ran, the page's policy had nothing to report, nothing was injected, nothing is wider than
the screen, and no character that changes the direction of writing reaches it.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Playwright, expect, sync_playwright
from sqlalchemy import text

from server.accounts import service
from server.centre.tables import kind_named
from server.db import db, reading, unit
from server.kinds import KINDS
from server.ledger.write import append
from sync.fields import Field
from tests.browser.handheld import Handheld
from tests.browser.screens import centre_pages, field_paths
from tests.browser.steps import open_centre
from tests.tools.serving import PASSWORD, Server, free_port

EVIL = (
    '<img src=x onerror="window.evil=1" data-evil>',
    "<script data-evil>window.evil=2</script>",
    "\"><svg onload=window.evil=3 data-evil><a href='javascript:window.evil=4' data-evil>x</a>",
    "{{constructor.constructor('window.evil=5')()}}",
    "javascript:window.evil=6//",
    "\u202e甲乙丙\u2066丁",
    "аdmin（看似 admin）" + "长" * 300,
)
# What tells a record's place rather than something about it: with these gone, no screen would show the rest.
SETTLED = ("key", "scope", "station_code", "version", "owner_kind")
WATCH = "window.reported = []; document.addEventListener('securitypolicyviolation', (e) => window.reported.push(`${e.violatedDirective} ${e.blockedURI}`))"
# Everything there is to say about the screen as it is now.
LOOK = r"""() => {
  const found = [...window.reported.map((each) => `policy: ${each}`)];
  if (window.evil) found.push(`ran: ${window.evil}`);
  for (const each of document.querySelectorAll('[data-evil], [onerror], [onload], iframe, [href^="javascript:"], [src="x"]')) found.push(`injected: ${each.outerHTML.slice(0, 120)}`);
  const turned = /[\u061c\u202a-\u202e\u2066-\u2069]/;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) if (turned.test(node.data)) found.push(`turns: ${node.parentElement.outerHTML.slice(0, 120)}`);
  const over = document.scrollingElement.scrollWidth - window.innerWidth;
  if (over > 0) found.push(`wider by ${over}`);
  return found;
}"""


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as found:
        yield found


def value(field: Field, words: Iterator[str]) -> Any:
    """A hostile write to the field; None where there is no room for words."""
    if field.merge == "append":
        return {"k": "log", "v": {name: next(words) for name in ("name", "note", "reason", "what", "block", "floor")} | {"at": "2026-11-22T05:10:33+08:00"}}
    if field.type in ("text", "note") or (field.type == "choice" and not field.name.endswith("status")):
        return {"k": "reg", "v": next(words)[: field.limit or 400], "b": []}
    return None


def spoil(server: Server) -> None:
    """A dozen records of each kind, the people, the devices: all of them with words nobody should have typed."""
    words = itertools.cycle(EVIL)
    db.init(server.environment["XUNAN_DATABASE_URL"])
    try:
        with reading() as session:
            operator = session.execute(text("SELECT id FROM \"user\" WHERE username = 'operator'")).scalar_one()
            rows = [
                (kind, *row)
                for kind in KINDS
                for row in session.execute(text("SELECT id, scope FROM record WHERE kind = :kind ORDER BY id LIMIT 12"), {"kind": kind}).all()
            ]
        ops = []
        for kind, rec, scope in rows:
            declared = kind_named(kind)
            assert declared is not None
            fields = {field.name: value(field, words) for field in declared.fields if field.name not in SETTLED}
            ops.append({"rec": rec, "kind": kind, "scope": scope, "f": {name: given for name, given in fields.items() if given is not None}})
        for written in append(db.session(), operator, ops):
            assert written.verdict in ("applied", "conflict"), written
        with unit() as session:
            for user in session.execute(text('SELECT id FROM "user"')).scalars().all():
                session.execute(text('UPDATE "user" SET name = :name WHERE id = :id'), {"name": next(words)[:60], "id": user})
            for _ in range(3):
                service.add_device(session, 1_760_000_000_000, "handheld", next(words)[:60], None, None)
    finally:
        db.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port = free_port()
    made = Server(tmp_path_factory.mktemp("words"), port, stations=2, records=40)
    made.port = port
    made.environment["PORT"] = str(port)
    spoil(made)
    made.start()
    yield made
    made.kill9()


def keep(page: Page, name: str) -> None:
    """A picture of the screen where somebody wants to look at it."""
    if folder := os.environ.get("XUNAN_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_words_stay_words_on_every_screen_of_the_handheld(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    station = server.run("post", "list", "patrol01a").split("\t")[2]
    handheld = Handheld(playwright, tmp_path / "a", f"http://127.0.0.1:{server.port}")
    handheld.context.add_init_script(WATCH)
    page, found = handheld.page, {}
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    handheld.enrol(server.device_code(EVIL[0][:60], station), "patrol01a")
    handheld.settle()
    ids = handheld.run(
        """async (engine) => Object.fromEntries(['patrol', 'inspection', 'stock_item', 'person', 'hazard']
             .map((kind) => [kind, engine.records(kind).map((rec) => rec.id).sort()[0]]))"""
    )
    named = {"patrol": "patrol", "inspection": "inspection", "stock": "stock_item", "person": "person", "hazard": "hazard"}
    for path in field_paths():
        if path in ("/enrol", "/login", "/setup", "/pin", "/unlock") or ":rec" in path:
            continue
        route = path.replace(":id", ids.get(named.get(path.split("/")[1], ""), ""))
        handheld.go(route)
        page.wait_for_function("route => location.hash === `#${route}`", arg=route)
        expect(page.locator("main h1, main h2, main section, main .card, main .row, main form, main fieldset, main .empty, main .map").first).to_be_visible()
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        keep(page, "field" + route.replace("/", "_")[:40])
        if wrong := page.evaluate(LOOK):
            found[route] = wrong
    handheld.close()
    assert not found, "\n".join(f"{route}\n    " + "\n    ".join(wrong) for route, wrong in found.items())
    assert handheld.errors == []


def test_words_stay_words_on_every_page_of_the_desk(playwright: Playwright, server: Server, tmp_path: Path) -> None:
    page = open_centre(playwright, f"http://127.0.0.1:{server.port}", tmp_path / "desk", "admin", PASSWORD)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.evaluate(WATCH)
    found = {}

    def look(name: str) -> None:
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        keep(page, f"centre_{name}")
        if wrong := page.evaluate(LOOK):
            found[name] = wrong

    for name in centre_pages():
        page.evaluate("route => { location.hash = route }", f"#/centre/{name}")
        expect(page.get_by_test_id(f"centre-nav-{name}")).to_have_attribute("aria-current", "page")
        expect(page.locator("main h1, main h2, main table, main .empty, main .card").first).to_be_visible()
        look(name)
        rows = page.get_by_test_id("list-table").locator("tbody tr")
        if rows.count():
            rows.first.click()
            expect(page.get_by_test_id("detail-panel").locator("dd").first).to_be_visible()
            look(f"{name}, a record")
    page.context.close()
    assert not found, "\n".join(f"{route}\n    " + "\n    ".join(wrong) for route, wrong in found.items())
    assert errors == []
