"""A real server process for tests: gunicorn on a migrated, seeded SQLite town, that can be killed with -9 and started again."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS_MAX = 30
PASSWORD = "story-pass-2026"
# Logs of every server of this run, searched when it is over (tests/conftest.py).
STARTED: list[Path] = []


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One gunicorn with its own data folder."""

    app = "wsgi:app"

    def __init__(
        self, folder: Path, public_port: int, stations: int = 8, records: int = 160, database_url: str | None = None, more: dict[str, str] | None = None
    ) -> None:
        """Migrates and seeds (nothing when `stations` is 0); `public_port` is where clients reach it, `more` further settings."""
        self.port = free_port()
        self.starts = 0
        self.folder, self.log = folder, folder / "server.log"
        self.environment = os.environ | {
            "XUNAN_ENV": "dev", "XUNAN_DATABASE_URL": database_url or f"sqlite:///{folder}/town.db", "XUNAN_DATA_DIR": str(folder),
            "XUNAN_BASE_URL": f"http://127.0.0.1:{public_port}", "XUNAN_DEMO_PASSWORD": PASSWORD,
            "XUNAN_PWA_DIR": os.environ.get("XUNAN_PWA_DIR", str(ROOT / "pwa" / "dist")), "PORT": str(self.port), "WEB_WORKERS": "1", "XUNAN_LOG_LEVEL": "INFO",
            **(more or {}),
        }  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None
        STARTED.append(self.log)
        self.run("migrate")
        if stations:
            self.run("seed", "--stations", str(stations), "--records", str(records))

    def run(self, *arguments: str) -> str:
        """A `flask` command against this server's data; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", *arguments], cwd=ROOT, env=self.environment, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"flask {arguments[0]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return done.stdout

    def start(self) -> None:
        """Start and wait until it is ready."""
        self.starts += 1
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", self.app], cwd=ROOT, env=self.environment, start_new_session=True, stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise RuntimeError(f"the server did not become ready:\n{self.log.read_text(encoding='utf-8', errors='replace')[-2000:]}")

    def terminate(self) -> int:
        """SIGTERM, as an upgrade does: it finishes what it is doing; gives the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=READY_SECONDS_MAX)

    def kill9(self) -> None:
        """SIGKILL the whole process group, as a power cut would."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def run_sql(self, sql: str) -> list[tuple[Any, ...]]:
        """A statement on this server's SQLite, as time or a hand at the console would have it."""
        with closing(sqlite3.connect(self.folder / "town.db", timeout=30)) as held, held:
            return held.execute(sql).fetchall()

    def device_code(self, name: str, station: str) -> str:
        """A one-time enrolment code."""
        return self.run("device", "code", name, station).split()[0]
