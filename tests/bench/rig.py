"""What the measurements on a handheld share: the control page, a fresh browser on an old profile, the throttles, scripts that time.

`base` is the machine as it is. `cdp4` throttles the page's thread four times, not its workers. `cg25` puts the whole process tree of
the browser on a quarter of one core by a control group, where this user may make one; else that row is left out.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, Playwright

from tests.tools.chromium import ARGUMENTS, find

ROWS = "".join(f"<li>{number} 楼道堆放杂物 待整改 三号楼二单元</li>" for number in range(20))
CONTROL_PAGE = f"<!doctype html><meta charset=utf-8><title>control</title><ul id=list>{ROWS}</ul><script>navigator.serviceWorker.register('/sw.js')</script>"
CONTROL_WORKER = """
addEventListener('install', (e) => e.waitUntil(caches.open('c').then((c) => c.addAll(['/']))));
addEventListener('activate', (e) => e.waitUntil(clients.claim()));
addEventListener('fetch', (e) => e.respondWith(caches.match(new URL(e.request.url).pathname).then((hit) => hit ?? fetch(e.request))));
"""
# Notes when the first usable screen is there: a list row, or the PIN pad of a locked device; and every task that held the page up.
WATCH = """
new MutationObserver((_, me) => {
  if (document.querySelector("[data-testid='pin-1'],[data-testid='precheck'],#list")) { window.bench_ready = performance.now(); me.disconnect(); }
}).observe(document, { childList: true, subtree: true });
window.bench_tasks = [];
new PerformanceObserver((list) => { for (const one of list.getEntries()) window.bench_tasks.push([one.startTime, one.duration]); }).observe({ type: 'longtask' });
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
# The longest task of the page within [from, to]; 0 when none was longer than 50 ms, which is all a browser tells.
LONGEST = "([from, to]) => Math.max(0, ...window.bench_tasks.filter(([at, ms]) => at + ms > from && at < to).map(([, ms]) => ms))"
CGROUPS = Path("/sys/fs/cgroup/cpu")
PERIOD_US = 10_000


class Control:
    """A static page with a worker, served from a folder of its own until it is stopped."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "index.html").write_text(CONTROL_PAGE, encoding="utf-8")
        (folder / "sw.js").write_text(CONTROL_WORKER, encoding="utf-8")
        self.server = serve(folder)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/"

    def stop(self) -> None:
        """From now on only the worker answers."""
        self.server.shutdown()
        self.server.server_close()


def serve(folder: Path) -> ThreadingHTTPServer:
    """A silent web server of a folder."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@dataclass(frozen=True, slots=True)
class Throttle:
    """How slow a browser is made: `rate` for the page's thread, `executable` for all of it."""

    name: str
    rate: int
    executable: str


def throttles(folder: Path) -> Iterator[Throttle]:
    """Those this machine can do."""
    chromium = find()
    assert chromium is not None
    yield Throttle("base", 1, chromium)
    yield Throttle("cdp4", 4, chromium)
    if not os.access(CGROUPS, os.W_OK):
        return
    group, wrapper = CGROUPS / f"xunan-bench-{os.getpid()}", folder / "slow-chromium"
    group.mkdir()
    try:
        (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (group / "cpu.cfs_quota_us").write_text(str(PERIOD_US // 4))
        # What it starts inherits the group.
        wrapper.write_text(f'#!/bin/sh\necho $$ > {group}/cgroup.procs\nexec {chromium} "$@"\n')
        wrapper.chmod(0o755)
        yield Throttle("cg25", 1, str(wrapper))
    finally:
        while (group / "cgroup.procs").read_text():
            time.sleep(0.1)
        group.rmdir()


def launch(playwright: Playwright, profile: Path, throttle: Throttle, debug: bool = False) -> tuple[BrowserContext, Page]:
    """A fresh browser process on an old profile; without `debug` exactly what ships."""
    context = playwright.chromium.launch_persistent_context(
        str(profile), executable_path=throttle.executable, args=ARGUMENTS, viewport={"width": 390, "height": 844}, locale="zh-CN"
    )
    context.set_default_timeout(60_000)
    context.add_init_script(WATCH)
    context.add_init_script("localStorage.setItem('xunan_debug', '1')" if debug else "localStorage.removeItem('xunan_debug')")
    page = context.pages[0]
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": throttle.rate})
    return context, page


def start_times(page: Page, address: str) -> tuple[float, float]:
    """(first contentful paint, first usable screen) in milliseconds."""
    page.goto(address, wait_until="commit")
    found: list[float] = page.evaluate(READ)
    return found[0], found[1]


def longest_task(page: Page, since: float, until: float) -> float:
    """Milliseconds of the longest task of the page between two times of its own clock."""
    page.evaluate("() => new Promise((done) => setTimeout(done, 200))")
    return float(page.evaluate(LONGEST, [since, until]))
