"""A handheld in a Chromium of our own (tests/tools/browser.py), driven through its engine: pages that hide, freeze and die."""

from __future__ import annotations

from typing import Any

from tests.browser.handheld import PIN
from tests.tools.browser import Browser, Tab
from tests.tools.serving import PASSWORD, Server

OPENED = "() => window.xunan_debug !== undefined && document.querySelector('#app')?.childElementCount > 0"
SETTLED = """() => {
  const engine = window.xunan_debug;
  const status = engine.status();
  void engine.sync_now().catch(() => undefined);
  return status.online && status.data_as_of_ms !== null && status.snapshot_progress === null && status.pending_ops + status.pending_files === 0;
}"""
STATES = """() => Object.fromEntries(
  ['station','grid_cell','template','catalogue_item','shelter','patrol_plan','setting','event','patrol','hazard','inspection','stock_item',
   'stock_lot','stock_movement','stock_count','person','transfer','attachment','conflict_case','unmask']
    .flatMap((kind) => window.xunan_debug.records(kind)).map((rec) => [rec.id, rec.state]))"""


def open_app(browser: Browser, base: str, *scripts: str) -> Tab:
    """A new tab with the app in it; `scripts` run before the app's own."""
    tab = browser.tab()
    for script in ("localStorage.setItem('xunan_debug', '1');", *scripts):
        tab.start_script(script)
    tab.send("Page.navigate", url=base)
    tab.wait(OPENED)
    return tab


def enrol(tab: Tab, server: Server, name: str, username: str) -> None:
    """From a new browser to an unlocked handheld that holds its station."""
    station = server.run("post", "list", username).split("\t")[2]
    tab.run(
        """async (code, username, password, pin) => {
          await window.xunan_debug.enrol({ code });
          await window.xunan_debug.login({ username, password });
          await window.xunan_debug.set_pin(pin);
        }""",
        server.device_code(name, station), username, PASSWORD, PIN,
    )  # fmt: skip
    tab.wait(SETTLED)


def unlock(tab: Tab) -> None:
    """By PIN."""
    tab.run("(pin) => window.xunan_debug.unlock(window.xunan_debug.session.users[0].id, pin)", PIN)


def tap(tab: Tab, testid: str) -> None:
    """Tap a control as soon as it is there; a star at the end stands for any name that begins so."""
    match = f"[data-testid^='{testid[:-1]}']" if testid.endswith("*") else f"[data-testid='{testid}']"
    tab.wait("(match) => { const found = document.querySelector(match); found?.click(); return found !== null; }", match)


def states(tab: Tab) -> dict[str, Any]:
    """The wire state of every record this page holds, by id."""
    found: dict[str, Any] = tab.run(STATES)
    return found
