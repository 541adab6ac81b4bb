"""Finds Chromium, or installs Debian's where this user may; `python -m tests.tools.chromium` before the browser tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-gpu",
]  # fmt: skip


def find() -> str | None:
    """Path of a Chromium, XUNAN_CHROMIUM first."""
    return os.environ.get("XUNAN_CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)


def main() -> int:
    """Say where Chromium is; install it with apt when we are root and it is missing."""
    if find() is None and os.geteuid() == 0 and shutil.which("apt-get"):
        print("installing chromium and a Chinese font with apt-get …", flush=True)
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-q"], check=False, env=environment, stdout=subprocess.DEVNULL)
        subprocess.run(
            ["apt-get", "install", "-y", "-q", "chromium", "fonts-noto-cjk"], check=True, env=environment, stdout=subprocess.DEVNULL
        )
    path = find()
    if path is None:
        print("no Chromium found: install the package `chromium`, or set XUNAN_CHROMIUM to its path", file=sys.stderr)
        return 1
    print(f"chromium: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
