"""What a page called saved is there after any kill -9 of its browser, without room and across an update too, and arrives once (property 18)."""

from __future__ import annotations

import secrets
from pathlib import Path

from tests.faults.browser_kill9 import run

# One of each: without room, while a new version takes over, without and with a network. 200 of them: python -m tests.faults.browser_kill9
KILLS = 4


def test_nothing_called_saved_is_lost(tmp_path: Path) -> None:
    seed = secrets.randbelow(2**32)
    print(f"seed {seed}")
    told, missing = run(tmp_path, KILLS, seed)
    assert told.titles, f"seed {seed}"
    assert told.updates == 1
    assert told.lost == [], f"seed {seed}"
    assert missing == [], f"seed {seed}"
