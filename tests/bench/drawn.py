"""The product's map with 300 blocks, a track of 5,000 fixes and 2,000 marks: until it is drawn, and from frame to frame of a pan.

The page is built from pwa/bench/map for this run; the control of a pan is one frame of the screen.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from playwright.sync_api import Playwright

from tests.bench.figures import Figure, median
from tests.bench.rig import Throttle, launch, serve
from tests.tools.serving import ROOT

ROUNDS = 7
FRAME_MS = 1000 / 60


def run(playwright: Playwright, folder: Path, throttle: Throttle) -> list[Figure]:
    """Drawn and panned, at one throttle."""
    built = folder / "map"
    vite = [
        "node_modules/.bin/vite",
        "build",
        "bench/map",
        "--config",
        "bench/map/vite.config.ts",
        "--outDir",
        str(built),
        "--logLevel",
        "error",
    ]
    subprocess.run(vite, cwd=ROOT / "pwa", check=True)
    server = serve(built)
    drawn, frames = [], []
    try:
        for number in range(ROUNDS):
            context, page = launch(playwright, folder / f"map-profile{number}", throttle)
            page.goto(f"http://127.0.0.1:{server.server_address[1]}/")
            drawn.append(float(page.evaluate("() => window.bench_drawn")))
            frames += page.evaluate("() => window.bench_pan()")
            context.close()
    finally:
        server.shutdown()
        server.server_close()
    name = throttle.name
    return [
        Figure(f"map of 300 blocks, 5,000 fixes, 2,000 marks, drawn, {name}", median(drawn), "ms", 1200, "less"),
        Figure(f"… pan, frame p50, {name}", median(frames), "ms", 60, "less", FRAME_MS, "one frame at 60 Hz"),
    ]
