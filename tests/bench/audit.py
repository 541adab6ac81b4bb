"""Lighthouse over the first screen of a new handheld: performance, accessibility, best practices.

Too big for the locked packages (200 of them for one figure): npm puts version 12.8, the last for Node 20, into var/lighthouse of the
checkout when the bench first needs it.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.bench.figures import Figure, median
from tests.tools.chromium import find
from tests.tools.serving import ROOT

VERSION, ROUNDS = "12.8.2", 3
PLACE = ROOT / "var" / "lighthouse"
TARGETS = {"performance": 98, "accessibility": 100, "best-practices": 100}


def install() -> Path:
    """The program; fetched once."""
    program = PLACE / "node_modules" / ".bin" / "lighthouse"
    if not program.exists():
        PLACE.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [
                "npm",
                "install",
                "--no-save",
                "--no-audit",
                "--no-fund",
                "--silent",
                "--prefix",
                str(PLACE),
                f"lighthouse@{VERSION}",
            ],
            check=True,
        )
    return program


def scores(address: str) -> dict[str, float]:
    """Points of 100 per category, of one run."""
    done = subprocess.run(
        [str(install()), address, "--output=json", "--quiet", f"--only-categories={','.join(TARGETS)}",
         "--chrome-flags=--headless=new --no-sandbox --disable-gpu"],
        check=True, capture_output=True, env=os.environ | {"CHROME_PATH": find() or ""},
    )  # fmt: skip
    found = json.loads(done.stdout)["categories"]
    return {name: 100 * found[name]["score"] for name in TARGETS}


def run(address: str) -> list[Figure]:
    """Median of a few runs."""
    rounds = [scores(address) for _ in range(ROUNDS)]
    return [
        Figure(f"Lighthouse {name}", median([one[name] for one in rounds]), "points", target, "more")
        for name, target in TARGETS.items()
    ]
