"""`python -m tests.faults.browser_kill9 --kills 200`: the browser killed with -9 again and again while a person writes; what was called saved is there.

Owns the writing page and the loop of kills. At random a life has a network or none, no room left (the limit lies close above what is used),
or a new version of the app taking over in its middle. A title counts as saved from the moment the page said so, which is after
`engine.write` resolved, or, for one in three, after a photo of it was kept as well.
"""

from __future__ import annotations

import argparse
import json
import re
import secrets
import shutil
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.browser.bare import OPENED, SETTLED, enrol, open_app, unlock
from tests.tools import checker
from tests.tools.browser import Browser, BrowserGone, Tab
from tests.tools.serving import ROOT, Server, free_port

# Every op is told before it is begun and after it is saved; every third one has a photo of its own, told the same way.
WRITE = """async (life) => {
  const engine = window.xunan_debug;
  for (let i = 0; ; i++) {
    const title = `${life}-${i}`;
    try {
      const { recs } = await engine.write([{ kind: 'hazard', f: { title, severity: 'general', status: 'found' } }]);
      window.saved(JSON.stringify({ title }));
      if (i % 3 !== 0) continue;
      const noise = crypto.getRandomValues(new Uint8Array(20_000));
      const { sha256 } = await engine.keep_file(new Blob([noise]), { role: 'photo', mime: 'application/octet-stream', owner: recs[0], owner_kind: 'hazard' });
      window.saved(JSON.stringify({ sha256 }));
    } catch (error) {
      if (error.name !== 'QuotaExceededError') throw error;
      window.saved(JSON.stringify({ full: true }));
      await new Promise((done) => setTimeout(done, 20));
    }
  }
}"""
HELD = """() => {
  const engine = window.xunan_debug;
  return { titles: engine.records('hazard').map((rec) => rec.v.title), files: engine.queue().files.map((one) => one.sha256) };
}"""
# The new version waits; this is what the button 更新 sends.
TAKE_OVER = """async () => {
  const found = await navigator.serviceWorker.getRegistration();
  await found.update();
  const worker = found.waiting ?? found.installing;
  const go = () => worker?.postMessage({ type: 'SKIP_WAITING' });
  if (worker?.state === 'installing') worker.addEventListener('statechange', go, { once: true });
  else go();
}"""
INSTALLED = "() => navigator.serviceWorker.ready.then(() => navigator.serviceWorker.controller !== null)"
SECONDS_MAX, ROOM_MAX = 0.8, 60_000


@dataclass
class Told:
    """What the page ever called saved, and what was found missing afterwards."""

    titles: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    full: int = 0
    updates: int = 0
    lost: list[str] = field(default_factory=list)

    def hear(self, payload: str) -> None:
        """One word of the page."""
        said = json.loads(payload)
        if "title" in said:
            self.titles.add(said["title"])
        elif "sha256" in said:
            self.files.add(said["sha256"])
        else:
            self.full += 1

    def compare(self, tab: Tab) -> None:
        """Everything told so far is held now."""
        held = tab.run(HELD)
        self.lost += sorted(self.titles - set(held["titles"])) + sorted(self.files - set(held["files"]))


def next_build(served: Path, number: int) -> None:
    """Another build in the same place: the page and the worker's list of files differ, as they do after every release."""
    page, worker = served / "index.html", served / "sw.js"
    page.write_text(
        re.sub(
            r'<head>(<meta name="build" content="\d+">)?',
            f'<head><meta name="build" content="{number}">',
            page.read_text(encoding="utf-8"),
            count=1,
        ),
        encoding="utf-8",
    )
    text = worker.read_text(encoding="utf-8")
    worker.write_text(
        re.sub(r'{"revision":"[0-9a-f]{32}","url":"index.html"}', f'{{"revision":"{number:032x}","url":"index.html"}}', text),
        encoding="utf-8",
    )


class Lives:
    """One handheld, its server, and one life of its browser after the other."""

    def __init__(self, folder: Path, random: Random) -> None:
        self.random, self.told, self.number = random, Told(), 0
        self.profile, self.served, self.data = folder / "profile", folder / "served", folder / "server"
        shutil.copytree(ROOT / "pwa" / "dist", self.served)
        self.data.mkdir()
        port = free_port()
        self.server = Server(self.data, port, stations=1, records=12, more={"XUNAN_PWA_DIR": str(self.served)})
        self.server.port = port
        self.server.environment["PORT"] = str(port)
        self.server.start()
        self.base = f"http://127.0.0.1:{port}"
        browser = Browser(self.profile)
        tab = open_app(browser, self.base)
        enrol(tab, self.server, "kill9", "patrol01a")
        tab.wait(INSTALLED)
        # As whoever pulls the battery out: no orderly end, here either.
        browser.kill9()

    def open(self) -> tuple[Browser, Tab]:
        """A new life, unlocked, compared with what was told."""
        browser = Browser(self.profile)
        browser.on_said("saved", self.told.hear)
        tab = open_app(browser, self.base)
        tab.bind("saved")
        unlock(tab)
        self.told.compare(tab)
        return browser, tab

    def live(self, what: str) -> None:
        """Write until killed; `what` is "offline", "online", "full" or "update"."""
        browser, tab = self.open()
        try:
            if what in ("offline", "full"):
                tab.offline(True)
            if what == "full":
                used = tab.send("Storage.getUsageAndQuota", origin=self.base)["usage"]
                tab.send("Storage.overrideQuotaForOrigin", origin=self.base, quotaSize=used + self.random.randrange(ROOM_MAX))
            self.number += 1
            writing = tab.begin(WRITE, f"第{self.number}世")
            threading.Event().wait(self.random.uniform(0, SECONDS_MAX))
            if what == "update":
                self.told.updates += 1
                next_build(self.served, self.number)
                tab.begin(TAKE_OVER)
                threading.Event().wait(self.random.uniform(0, 3 * SECONDS_MAX))
            if writing.done() and "exceptionDetails" in writing.result().get("result", {}) and what != "update":
                raise AssertionError(f"the page stopped writing: {writing.result()}")
        except BrowserGone:
            pass
        finally:
            browser.kill9()

    def end(self) -> list[str]:
        """A last life with a network and room: everything arrives; gives what is missing there or in the chains."""
        browser, tab = self.open()
        try:
            tab.wait(OPENED)
            tab.wait(SETTLED)
            self.told.compare(tab)
        finally:
            browser.kill9()
        lines = checker.logged(self.data)
        texts = b"\n".join(lines.values())
        once = [title for title in sorted(self.told.titles) if texts.count(f'"{title}"'.encode()) != 1]
        return [*checker.gaps(lines), *once]


def run(folder: Path, kills: int, seed: int) -> tuple[Told, list[str]]:
    """Kill and start again `kills` times; gives what was told and what is missing at the server."""
    random = Random(seed)
    lives = Lives(folder, random)
    try:
        order = ["full", "update", "offline", "online"]
        for number in range(kills):
            lives.live(order[number] if number < len(order) else random.choice([*order, "offline", "online"]))
        return lives.told, lives.end()
    finally:
        lives.server.kill9()


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.browser_kill9", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    chosen = parser.parse_args()
    print(f"{chosen.kills} kills, --seed {chosen.seed}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        told, missing = run(Path(name), chosen.kills, chosen.seed)
    print(
        f"{len(told.titles)} ops and {len(told.files)} files called saved, {told.full} refused for want of room, {told.updates} updates;"
        f" lost: {told.lost}; missing at the server: {missing}"
    )
    return 1 if told.lost or missing else 0


if __name__ == "__main__":
    sys.exit(main())
