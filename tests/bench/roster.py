"""Searching 20,000 people: from a key to the painted list, and the search alone.

The page's thread is throttled. A search that finds nobody before and after the key paints nothing: what it takes is the search itself.
The control is the same number of texts looked through in a bare loop.
"""

from __future__ import annotations

from playwright.sync_api import Page

from tests.bench.figures import Figure, median, percentile

# Names, initials, buildings; each typed key by key.
ASKED = ("演安", "yfs", "lgq", "12号楼", "示例", "138号", "csh")
NOBODY = "qqqqqqqqqqqq"
ROUNDS = 3
TYPE = """async ([texts, rounds, painted]) => {
  const box = document.querySelector("[data-testid='search']");
  const type = (text) => { box.value = text; box.dispatchEvent(new Event('input', { bubbles: true })); };
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  const took = [];
  for (let round = 0; round < rounds; round++) {
    for (const text of texts) {
      for (let keys = 1; keys <= text.length; keys++) {
        const start = performance.now();
        type(text.slice(0, keys));
        await Promise.resolve();
        if (painted) await frame();
        took.push(performance.now() - start);
        if (!painted) await frame();
      }
    }
  }
  type('');
  await frame();
  return took;
}"""
RAW = """() => {
  const texts = Array.from({ length: 20000 }, (_, i) => `演安${i}\\nya\\nya\\n${i % 200}号楼\\nt${i}\\n第${i % 9}块`);
  const took = [];
  for (let round = 0; round < 15; round++) {
    const start = performance.now();
    texts.filter((text) => text.includes('qqqqqq')).length;
    took.push(performance.now() - start);
  }
  return took;
}"""


def run(page: Page, throttle: str) -> list[Figure]:
    """On an unlocked handheld with 20,000 people."""
    page.evaluate("() => { location.hash = '#/people' }")
    page.get_by_test_id("person-row").first.wait_for(timeout=120_000)
    keys = page.evaluate(TYPE, [ASKED, ROUNDS, True])
    alone = page.evaluate(TYPE, [(NOBODY,), ROUNDS, False])[3:]
    raw = median(page.evaluate(RAW))
    of = "20,000 texts in a bare loop"
    return [
        Figure(f"search 20,000 people, key to painted, p95, {throttle}", percentile(keys, 0.95), "ms", 100, "less", raw, of),
        Figure(f"… the search alone, p50, {throttle}", median(alone), "ms", 10, "less", raw, of),
    ]
