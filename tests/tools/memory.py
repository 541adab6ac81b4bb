"""Where files lie that no test needs after a power cut: in memory, when the machine has a file system for it with room."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

SHARED, BYTES_MIN = Path("/dev/shm"), 4 << 30


def in_memory() -> Path | None:
    """A folder in memory, or nothing (then the usual place for temporary files)."""
    if os.access(SHARED, os.W_OK) and shutil.disk_usage(SHARED).free > BYTES_MIN:
        return SHARED
    return None
