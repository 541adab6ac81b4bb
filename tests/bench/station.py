"""A station with 20,000 people on its roster, its server, and a handheld that loads them: the import of a snapshot is measured there.

The import counts from the last byte of the snapshot until its records can be read. Its control is raw IndexedDB: the same number of
bytes as forty texts in one strict transaction, as packed storage can be at best.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from playwright.sync_api import Page, Playwright

from seed.names import demo_phone, impossible_id, person_name
from tests.bench.figures import Figure, median
from tests.bench.rig import WATCH, longest_task
from tests.bench.town import BenchTown, reg
from tests.browser.handheld import Handheld
from tests.tools.serving import PASSWORD

PEOPLE, BATCH = 20_000, 200
IMPORTED = """async (engine) => {
  window.bench_import = new Promise((done) => {
    const off = engine.on('records', () => {
      const got = performance.getEntriesByType('resource').find((one) => decodeURIComponent(one.name).includes('/snapshots/station:'));
      if (got === undefined) return;
      off();
      done([got.responseEnd, performance.now()]);
    });
  });
}"""
# UTF-16 texts of 500 states each; twice, the first one warms up.
RAW_PACKS = """async ([packs, chars]) => {
  const db = await new Promise((done, failed) => {
    const open = indexedDB.open('bench-packs', 1);
    open.onupgradeneeded = () => open.result.createObjectStore('packs', { autoIncrement: true });
    open.onsuccess = () => done(open.result); open.onerror = () => failed(open.error);
  });
  const text = '安'.repeat(chars);
  let took = 0;
  for (let round = 0; round < 2; round++) {
    const start = performance.now();
    await new Promise((done, failed) => {
      const tx = db.transaction('packs', 'readwrite', { durability: 'strict' });
      for (let i = 0; i < packs; i++) tx.objectStore('packs').put(text + i);
      tx.oncomplete = done; tx.onabort = () => failed(tx.error);
    });
    took = performance.now() - start;
  }
  db.close();
  indexedDB.deleteDatabase('bench-packs');
  return took;
}"""


def person_fields(town: BenchTown, random: Random, number: int) -> dict[str, Any]:
    """Twelve fields of somebody who cannot be anybody."""
    name, initials = person_name(random)
    return {
        "scope": reg(town.scope), "name": reg(name), "pinyin": reg(initials), "id_no": reg(impossible_id(random)), "phone": reg(demo_phone(random)),
        "address": reg(f"示例镇海棠路{number % 300}弄{number % 40}号{number % 6}0{number % 4}室"), "building": reg(f"{number % 200 + 1}号楼"),
        "block": reg(f"{town.station}{number % 9 + 1:03d}"), "categories": reg(["living_alone"]), "group_size": reg(1),
        "review_status": reg("active"), "last_confirmed": reg("2026-11-01"),
    }  # fmt: skip


def fill(town: BenchTown, people: int = PEOPLE) -> None:
    """Write the roster."""
    author, random = town.device(), Random(11)
    for first in range(0, people, BATCH):
        for number in range(first, min(first + BATCH, people)):
            author.write(town.record_id(number), town.scope, person_fields(town, random, number), "person")
        author.sync(author.body(scopes=[]))


def enrol(playwright: Playwright, town: BenchTown, profile: Path, rate: int) -> tuple[Handheld, float, float]:
    """A new handheld with everything on it; gives also the milliseconds of the import and of the page's longest task in it."""
    handheld = Handheld(playwright, profile, f"http://127.0.0.1:{town.port}")
    handheld.context.set_default_timeout(60_000)
    handheld.context.add_init_script(WATCH)
    page = handheld.page
    code = town.server.device_code(profile.name, town.station)
    page.goto(handheld.base)
    page.get_by_test_id("enrol-code").fill(code)
    handheld.tap("enrol-submit")
    page.get_by_test_id("login-username").fill("patrol01a")
    page.get_by_test_id("login-password").fill(PASSWORD)
    handheld.run(IMPORTED)
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": rate})
    handheld.tap("login-submit")
    since, until = page.evaluate("() => window.bench_import")
    longest = longest_task(page, since, until)
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 1})
    handheld.choose_pin()
    handheld.settle()
    handheld.wait_installed()
    return handheld, until - since, longest


def raw_packs(page: Page, packs: int, chars: int) -> float:
    """Milliseconds of writing as much to bare IndexedDB."""
    return float(page.evaluate(RAW_PACKS, [packs, chars]))


def figures(took: list[float], longest: list[float], raw: float) -> list[Figure]:
    """What was measured while handhelds were enrolled at cdp4."""
    return [
        Figure("import of a 20,000-record snapshot, cdp4", median(took), "ms", 600, "less", raw, "raw IndexedDB, packs, strict"),
        Figure("… longest task of the page, cdp4", max(longest), "ms", 50, "less"),
    ]
