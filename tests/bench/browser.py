"""The handheld's share of the bench (targets B): one station of 20,000 people, enrolled handhelds, everything a person waits for.

Owns the order: enrol while the server is there, then stop it for good and measure offline. What kills lose is counted by
`python -m tests.faults.browser_kill9`, the gaps of hidden pages by tests/browser/test_track_gaps.py, idle timers by pwa/tests/battery.test.ts.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Page, Playwright, expect, sync_playwright

from tests.bench import audit, drawn, pictures, roster, sizes, starts, station
from tests.bench.figures import Figure, median, percentile
from tests.bench.rig import Control, Throttle, launch, start_times, throttles
from tests.bench.town import BenchTown
from tests.browser.handheld import SYNC_MS

SAVES, ENROLLED, SLOW_ROUNDS = 40, 3, 3
SAVE = """
async (count) => {
  const took = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await window.xunan_debug.write([{ kind: 'hazard', f: { title: '楼道堆物' + i, severity: 'general', status: 'found' } }]);
    took.push(performance.now() - start);
  }
  return took;
}
"""
RAW_SAVE = """
async (count) => {
  const db = await new Promise((done, failed) => {
    const open = indexedDB.open('bench-control', 1);
    open.onupgradeneeded = () => open.result.createObjectStore('rows', { autoIncrement: true });
    open.onsuccess = () => done(open.result); open.onerror = () => failed(open.error);
  });
  const took = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await new Promise((done, failed) => {
      const tx = db.transaction('rows', 'readwrite', { durability: 'strict' });
      tx.objectStore('rows').put({ title: '楼道堆物' + i, severity: 'general', status: 'found', line: 'x'.repeat(450) });
      tx.oncomplete = done; tx.onabort = () => failed(tx.error);
    });
    took.push(performance.now() - start);
  }
  db.close();
  indexedDB.deleteDatabase('bench-control');
  return took;
}
"""


def say(what: str) -> None:
    """Progress."""
    print(f"  {what} …", file=sys.stderr, flush=True)


def enrolled(playwright: Playwright, town: BenchTown, folder: Path, control: Control) -> list[Figure]:
    """Several handhelds load the station at cdp4; the first stays, with the control page in its profile."""
    took, longest, raw = [], [], 0.0
    for number in range(ENROLLED):
        handheld, ms, task = station.enrol(playwright, town, folder / f"profile{number}", 4)
        took.append(ms)
        longest.append(task)
        if number == 0:
            raw = station.raw_packs(handheld.page, station.PEOPLE // 500, 300_000)
            page = handheld.context.new_page()
            page.goto(control.address)
            page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        handheld.close()
    return station.figures(took, longest, raw)


def saves(page: Page, throttle: str) -> list[Figure]:
    """One record, strict."""
    plain, took = page.evaluate(RAW_SAVE, SAVES), page.evaluate(SAVE, SAVES)
    of = "raw IndexedDB, strict"
    return [
        Figure(f"save one record, p50, {throttle}", median(took), "ms", 5, "less", median(plain), of),
        Figure(f"save one record, p95, {throttle}", percentile(took, 0.95), "ms", 25, "less", percentile(plain, 0.95), of),
    ]


def at_work(playwright: Playwright, profile: Path, base: str, throttle: Throttle) -> list[Figure]:
    """On an unlocked handheld, without a network."""
    context, page = launch(playwright, profile, throttle, debug=True)
    start_times(page, base)
    starts.unlock_ms(page)
    slow = throttle.name == "cg25"
    found = [] if slow else saves(page, throttle.name)
    found += pictures.run(page, throttle.name, many=not slow)
    if not slow:
        found += roster.run(page, throttle.name)
    context.close()
    return found


def run(folder: Path, people: int = station.PEOPLE) -> list[Figure]:
    """The figures of the handheld."""
    expect.set_options(timeout=SYNC_MS)
    figures = sizes.run()
    say("a station of 20,000 people")
    town, control = BenchTown(folder / "server", pinned=False), Control(folder / "control")
    with sync_playwright() as playwright:
        try:
            station.fill(town, people)
            base = f"http://127.0.0.1:{town.port}"
            say("first sync at cdp4")
            figures += enrolled(playwright, town, folder, control)
            say("Lighthouse")
            figures += audit.run(f"{base}/")
        finally:
            town.close()
            control.stop()
        for throttle in throttles(folder):
            say(f"starts, work and map, {throttle.name}")
            slow = throttle.name == "cg25"
            figures += starts.measure(
                playwright, folder / "profile0", base, control.address, throttle, SLOW_ROUNDS if slow else starts.ROUNDS
            )
            if throttle.name != "base":
                figures += at_work(playwright, folder / "profile0", base, throttle)
            if throttle.name == "cdp4":
                figures += drawn.run(playwright, folder, throttle)
    return figures
