"""A new handheld behind a narrow, far link: until the first screen can be used, until it holds its whole station.

Nothing is on the device before: the app itself comes over the same link. The control is the time the bytes of the snapshots need at that
rate. Losses do not close the window of the modelled link (tests/tools/link.py): the lossy row is the better half of the truth.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Playwright, expect, sync_playwright

from tests.bench.figures import Figure
from tests.browser.handheld import SYNC_MS, Handheld
from tests.tools.link import CLEAR, Line, Link
from tests.tools.serving import PASSWORD, Server

NARROW = Line(bits_per_s=1_000_000, rtt_s=0.3)
LINES = {"1 Mbit/s 300 ms": NARROW, "1 Mbit/s 300 ms, 10 % lost": replace(NARROW, loss=0.1)}
SEED = 7
# Notes when the first field can be typed into.
WATCH = """
new MutationObserver((_, me) => {
  if (document.querySelector("[data-testid='enrol-code']")) { window.bench_ready = performance.now(); me.disconnect(); }
}).observe(document, { childList: true, subtree: true });
"""
# From the answer to the sign-in to the last record.
SYNCED = """async (engine) => {
  let start;
  window.bench_synced = new Promise((done) => {
    const look = () => {
      if (start === undefined && engine.session.phase === 'open') start = performance.now();
      const { data_as_of_ms, snapshot_progress } = engine.status();
      if (start !== undefined && data_as_of_ms !== null && snapshot_progress === null) done(performance.now() - start);
    };
    engine.on('session', look);
    engine.on('sync', look);
  });
}"""
SNAPSHOTS = """async (engine) => {
  const { scopes } = await (await engine.api('/api/v1/snapshots')).json();
  return [scopes.reduce((sum, each) => sum + each.bytes, 0), scopes.reduce((sum, each) => sum + each.count, 0)];
}"""


def first_sync(playwright: Playwright, server: Server, link: Link, profile: Path, line: Line) -> tuple[float, float, list[int]]:
    """(seconds to the first screen, seconds of the first sync, [bytes, records] of the snapshots) of one new handheld."""
    station = server.run("post", "list", "patrol01a").split("\t")[2]
    code = server.device_code(profile.name, station)
    link.line = line
    handheld = Handheld(playwright, profile, f"http://127.0.0.1:{link.port}")
    handheld.context.set_default_timeout(SYNC_MS)
    handheld.context.add_init_script(WATCH)
    page = handheld.page
    page.goto(handheld.base, wait_until="commit")
    page.get_by_test_id("enrol-code").fill(code)
    usable = page.evaluate("() => window.bench_ready")
    handheld.tap("enrol-submit")
    page.get_by_test_id("login-username").fill("patrol01a")
    page.get_by_test_id("login-password").fill(PASSWORD)
    handheld.run(SYNCED)
    handheld.tap("login-submit")
    handheld.choose_pin()
    synced = page.evaluate("() => window.bench_synced")
    link.line = CLEAR
    asked = handheld.run(SNAPSHOTS)
    handheld.close()
    return usable / 1000, synced / 1000, asked


def run(folder: Path, records: int = 10_000) -> list[Figure]:
    """Both lines, each with a new handheld."""
    figures: list[Figure] = []
    expect.set_options(timeout=SYNC_MS)
    link = Link(SEED)
    (folder / "server").mkdir(parents=True)
    server = Server(folder / "server", link.port, stations=1, records=records)
    link.target_port = server.port
    server.start()
    try:
        with sync_playwright() as playwright:
            for number, (name, line) in enumerate(LINES.items()):
                usable, synced, (size, count) = first_sync(playwright, server, link, folder / f"far{number}", line)
                figures += [
                    Figure(f"first screen usable, {name}", usable, "s", 3, "less"),
                    Figure(f"first sync of {count:,} records, {name}", synced, "s", 15, "less", size * 8 / line.bits_per_s, "its bytes at that rate"),
                ]
    finally:
        server.kill9()
        link.close()
    return figures
