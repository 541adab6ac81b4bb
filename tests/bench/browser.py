"""The handheld's share of the bench: cold offline start, unlocking, saving – beside a static page and raw IndexedDB.

Every start is a fresh browser process with the server stopped; times count from navigationStart. The control is a page of twenty
plain rows served by a worker of its own, in the same profile. `cdp4` throttles the page's CPU four times (not its worker's).
"""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright

from tests.bench.figures import Figure, median, percentile
from tests.browser.handheld import PIN, Handheld
from tests.tools.chromium import ARGUMENTS, find
from tests.tools.serving import Server, free_port

ROUNDS = 7
SAVES = 40
ROWS = "".join(f"<li>{number} 楼道堆放杂物 待整改 三号楼二单元</li>" for number in range(20))
CONTROL_PAGE = f"<!doctype html><meta charset=utf-8><title>control</title><ul id=list>{ROWS}</ul><script>navigator.serviceWorker.register('/sw.js')</script>"
CONTROL_WORKER = """
addEventListener('install', (e) => e.waitUntil(caches.open('c').then((c) => c.addAll(['/']))));
addEventListener('activate', (e) => e.waitUntil(clients.claim()));
addEventListener('fetch', (e) => e.respondWith(caches.match(new URL(e.request.url).pathname).then((hit) => hit ?? fetch(e.request))));
"""
# Notes when the first usable screen is there: a list row, or the PIN pad of a locked device.
WATCH = """
new MutationObserver((_, me) => {
  if (document.querySelector("[data-testid='pin-1'],[data-testid='precheck'],#list")) { window.bench_ready = performance.now(); me.disconnect(); }
}).observe(document, { childList: true, subtree: true });
"""
# Polls itself: the page's policy forbids the eval a waiting expression would need.
READ = """
() => new Promise((done) => {
  const look = () => {
    const paint = performance.getEntriesByName('first-contentful-paint')[0];
    if (paint && window.bench_ready !== undefined) done([paint.startTime, window.bench_ready]);
    else setTimeout(look, 20);
  };
  look();
})
"""
SAVE = """
async (engine, count) => {
  const took = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await engine.write([{ kind: 'hazard', f: { title: '楼道堆物' + i, severity: 'general', status: 'found' } }]);
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


class Control:
    """A static page with a worker, served from a folder of its own until it is stopped."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "index.html").write_text(CONTROL_PAGE, encoding="utf-8")
        (folder / "sw.js").write_text(CONTROL_WORKER, encoding="utf-8")

        class Quiet(SimpleHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """From now on only the worker answers."""
        self.server.shutdown()
        self.server.server_close()


def launch(playwright: Playwright, profile: Path, rate: int) -> tuple[BrowserContext, Page]:
    """A fresh browser process on an old profile; no debug hook, so that what is measured is what ships."""
    context = playwright.chromium.launch_persistent_context(
        str(profile), executable_path=find(), args=ARGUMENTS, viewport={"width": 390, "height": 844}, locale="zh-CN"
    )
    context.set_default_timeout(30_000)
    context.add_init_script(WATCH)
    page = context.pages[0]
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": rate})
    return context, page


def start_times(page: Page, address: str) -> tuple[float, float]:
    """(first contentful paint, first usable screen) in milliseconds."""
    page.goto(address, wait_until="commit")
    found: list[float] = page.evaluate(READ)
    return found[0], found[1]


def unlock_ms(page: Page) -> float:
    """From the last digit of the PIN to 今日."""
    for digit in PIN[:-1]:
        page.get_by_test_id(f"pin-{digit}").click()
    return float(
        page.evaluate(
            """digit => new Promise((done) => {
              const start = performance.now();
              const look = () => document.querySelector("[data-testid='precheck']") ? done(performance.now() - start) : requestAnimationFrame(look);
              document.querySelector(`[data-testid='pin-${digit}']`).click();
              look();
            })""",
            PIN[-1],
        )
    )


def prepare(playwright: Playwright, folder: Path, records: int) -> tuple[Server, Control, str]:
    """Enrol a handheld on a full station, install both pages in its profile."""
    (folder / "server").mkdir(parents=True)
    server = Server(folder / "server", free_port(), stations=1, records=records)
    server.start()
    control = Control(folder / "control")
    base = f"http://127.0.0.1:{server.port}"
    station = server.run("post", "list", "patrol01a").split("\t")[2]
    handheld = Handheld(playwright, folder / "profile", base)
    handheld.enrol(server.device_code("bench", station), "patrol01a")
    handheld.settle()
    handheld.wait_installed()
    page = handheld.context.new_page()
    page.goto(control.address)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    handheld.close()
    return server, control, base


def measure(playwright: Playwright, folder: Path, base: str, control: str, rate: int) -> list[Figure]:
    """All rounds at one throttle."""
    name, at_most = ("base", (200.0, 500.0)) if rate == 1 else (f"cdp{rate}", (800.0, 500.0))
    fcp, ready, plain, unlock = [], [], [], []
    for _ in range(ROUNDS):
        context, page = launch(playwright, folder / "profile", rate)
        first, usable = start_times(page, base)
        fcp.append(first)
        ready.append(usable)
        unlock.append(unlock_ms(page))
        context.close()
        context, page = launch(playwright, folder / "profile", rate)
        plain.append(start_times(page, control)[0])
        context.close()
    of = "static page from a worker, FCP"
    return [
        Figure(f"cold offline start, usable, {name}", median(ready), "ms", at_most[0], "less", median(plain), of),
        Figure(f"cold offline start, FCP, {name}", median(fcp), "ms", 700, "less", median(plain), of),
        Figure(f"PIN unlock to 今日, {name}", median(unlock), "ms", at_most[1], "less"),
    ]


def saves(playwright: Playwright, folder: Path, base: str) -> list[Figure]:
    """One record, strict, at cdp4."""
    handheld = Handheld(playwright, folder / "profile", base)
    handheld.page.goto(base)
    handheld.unlock()
    handheld.context.new_cdp_session(handheld.page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
    plain = handheld.page.evaluate(RAW_SAVE, SAVES)
    took = handheld.run(SAVE, SAVES)
    handheld.close()
    of = "raw IndexedDB, strict"
    return [
        Figure("save one record, p50, cdp4", median(took), "ms", 5, "less", median(plain), of),
        Figure("save one record, p95, cdp4", percentile(took, 0.95), "ms", 25, "less", percentile(plain, 0.95), of),
    ]


def run(folder: Path, records: int = 6000) -> list[Figure]:
    """The figures of the handheld."""
    with sync_playwright() as playwright:
        server, control, base = prepare(playwright, folder, records)
        server.kill9()
        control.stop()
        figures: list[Figure] = []
        for rate in (1, 4):
            figures += measure(playwright, folder, base, control.address, rate)
        return figures + saves(playwright, folder, base)
