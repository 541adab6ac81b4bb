"""What the built app weighs, gzipped: until the first screen can be used, and all of the handheld's share.

Walks the imports of the built chunks, so it says what a browser really fetches. Left out of the whole: wasm, the centre's screens.
`tests/house/test_weight.py` holds the same limits.
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from tests.bench.figures import Figure
from tests.tools.serving import ROOT

FIRST_KB_MAX, FIELD_KB_MAX = 60, 350
DIST = ROOT / "pwa" / "dist"
# Minified imports: `from"./a.js"`, `import"./a.js"`; later ones stand in `import()`, in the preload helper's list or in `new URL` (workers).
STATIC = re.compile(r"""(?:from|import)\s*["'`]\./([^"'`]+)["'`]""")
NAMED = re.compile(r"""["'`](?:\./|/?assets/)?([\w.-]+\.(?:js|css))["'`]""")


def gzipped(names: set[str], assets: Path) -> int:
    """Bytes over the link."""
    return sum(len(gzip.compress((assets / name).read_bytes(), 9, mtime=0)) for name in names)


def entry(dist: Path) -> set[str]:
    """What index.html waits for; what sets out with it at low priority is for later."""
    tags = re.findall(r"<[^>]+>", (dist / "index.html").read_text(encoding="utf-8"))
    return {name for tag in tags if 'fetchpriority="low"' not in tag for name in re.findall(r'assets/([\w.-]+\.(?:js|css))"', tag)}


def reached(start: set[str], assets: Path, link: re.Pattern[str], leave: str | None = None) -> set[str]:
    """Everything the chunks lead to by such links, except names that begin like `leave`."""
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        name = waiting.pop()
        if name in found or not (assets / name).exists() or (leave is not None and re.match(leave, name)):
            continue
        found.add(name)
        if name.endswith(".js"):
            waiting += link.findall((assets / name).read_text(encoding="utf-8"))
    return found


def centre_screens(dist: Path) -> str:
    """Names of the chunks of the centre's screens, as a pattern."""
    screens = sorted(path.stem for path in (ROOT / "pwa" / "src" / "screens" / "centre").glob("*.vue"))
    return "(?:" + "|".join(screens) + ")-"


def first_screen(dist: Path = DIST) -> int:
    """Bytes until the PIN pad stands: the entry, what it imports at once, its styles."""
    return gzipped(reached(entry(dist), dist / "assets", STATIC), dist / "assets")


def field_app(dist: Path = DIST) -> int:
    """Bytes of everything a handheld ever runs."""
    return gzipped(reached(entry(dist), dist / "assets", NAMED, centre_screens(dist)), dist / "assets")


def run() -> list[Figure]:
    """Both."""
    return [
        Figure("first screen, JS and CSS gzipped", first_screen() / 1000, "kB", FIRST_KB_MAX, "less"),
        Figure("whole field app, gzipped, no wasm, no centre", field_app() / 1000, "kB", FIELD_KB_MAX, "less"),
    ]
