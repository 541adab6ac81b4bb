"""Every screen there is, and how to get to it: derived from the two tables of addresses, so that a new one cannot be forgotten."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

ROOT = Path(__file__).resolve().parents[2]
AXE = (ROOT / "pwa" / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Elements a finger is meant to hit. A link inside a sentence may be as high as its line (WCAG 2.5.8).
SMALL = """minimum => [...document.querySelectorAll('a[href], button, input, select, textarea, [role=radio], [role=tab]')]
  .filter(each => each.checkVisibility({ visibilityProperty: true }) && !each.disabled && !each.closest('p, .leaflet-container, .visually-hidden'))
  .map(each => {
    const own = each.getBoundingClientRect();
    const label = each.closest('label')?.getBoundingClientRect() ?? own;
    const halo = getComputedStyle(each, '::after');
    const more = halo.position === 'absolute' ? -parseFloat(halo.top) - parseFloat(halo.bottom) : 0;
    return [each, Math.max(own.width, label.width), Math.max(own.height + Math.max(0, more || 0), label.height)];
  })
  .filter(([, width, height]) => width > 1 && height > 1 && (height < minimum - 0.5 || width < Math.min(minimum, 44) - 0.5))
  .map(([each, width, height]) => `${each.dataset.testid ?? each.className} ${Math.round(width)}×${Math.round(height)} ${each.textContent.trim().slice(0, 20)}`)"""
RULES = """async tags => {
  const found = await window.axe.run(document, { runOnly: tags, resultTypes: ['violations'] });
  return found.violations.map(each => `${each.id}: ${each.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(' | ')}`);
}"""


def field_paths() -> list[str]:
    """Addresses of the handheld."""
    text = (ROOT / "pwa/src/screens/field/routes.ts").read_text(encoding="utf-8")
    return re.findall(r'path: "([^"]+)"', text)


def centre_pages() -> list[str]:
    """Pages of the desk."""
    text = (ROOT / "pwa/src/screens/centre/routes.ts").read_text(encoding="utf-8")
    return re.findall(r'"([a-z]+)"', text.split("PAGES = [")[1].split("]")[0])


def complaints(page: Page, minimum: int | None) -> list[str]:
    """What axe and the size of the targets have to say about the screen as it is now."""
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    if not page.evaluate("() => 'axe' in window"):
        # By the debugger, not by a script tag: the page's own policy stays as it is.
        page.evaluate(AXE)
    found: list[Any] = page.evaluate(RULES, TAGS)
    return found + ([f"small: {each}" for each in page.evaluate(SMALL, minimum)] if minimum is not None else [])
