"""The town of the load generator: PostgreSQL, Valkey, several gunicorn workers, a worker for jobs, enrolled devices.

Owns the set-up and the questions asked of the running town (memory, processor time, size on disk). Devices are enrolled through the service
layer in one transaction: a thousand sign-ins by password would measure argon2.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import select, text

from server.accounts import service
from server.accounts.models import User
from server.db import db, migrate, reading, unit
from server.ledger.clock import now_ms
from server.ledger.verify import Report, fold_anew
from server.ledger.write import append
from server.settings import Settings
from tests.load.handhelds import Handheld, reg
from tests.server.files.services import valkey
from tests.server.ledger.postgres import cluster, create_database
from tests.tools.serving import PASSWORD, ROOT, Server, free_port

SHARED = 20
TICKS = os.sysconf("SC_CLK_TCK")


class LoadTown(Server):
    """A server with its services, without a demo town."""

    def __init__(self, folder: Path, database_url: str, redis_url: str, workers: int) -> None:
        """Migrates; `start` starts it."""
        self.port, self.starts, self.process = free_port(), 0, None
        self.folder, self.log = folder, folder / "server.log"
        self.url = database_url
        self.environment = os.environ | {
            "XUNAN_ENV": "dev", "XUNAN_DATABASE_URL": database_url, "XUNAN_DATA_DIR": str(folder), "XUNAN_BASE_URL": f"http://127.0.0.1:{self.port}",
            "XUNAN_REDIS_URL": redis_url, "XUNAN_PWA_DIR": str(folder), "PORT": str(self.port), "WEB_WORKERS": str(workers), "XUNAN_LOG_LEVEL": "WARNING",
        }  # fmt: skip
        self.settings = Settings.from_env(self.environment)
        migrate(db.init(database_url))
        db.close()

    @contextmanager
    def open(self) -> Iterator[None]:
        """This process looks at the database past the server."""
        db.init(self.url)
        try:
            yield
        finally:
            db.close()

    def enrol(self, count: int, stations: int, seed: int) -> tuple[list[Handheld], dict[str, list[str]]]:
        """Signed-in devices, spread over the stations, and each station's shared hazards."""
        random, made, shared = Random(seed), [], {}
        with self.open():
            with unit() as session:
                users: list[User] = []
                for index in range(stations):
                    user = service.add_user(session, now_ms(), "load", f"patrol{index}", f"巡查员{index}", PASSWORD)
                    service.add_post(session, now_ms(), "load", user.id, "patroller", f"31019910{index:04d}")
                    users.append(user)
                for number in range(count):
                    station = number % stations
                    device = service.add_device(session, now_ms(), "handheld", f"load {number}", f"31019910{station:04d}", None).device
                    _, token = service.sign_in(session, self.settings, now_ms(), users[station], device)
                    scope = f"station:31019910{station:04d}"
                    made.append(Handheld(self.port, token, users[station].id, scope, Random(random.getrandbits(64))))
            for index in range(stations):
                scope = f"station:31019910{index:04d}"
                shared[scope] = [f"01980000-0000-7000-8000-{index:06d}{number:06d}" for number in range(SHARED)]
                ops = [{"rec": rec, "kind": "hazard", "scope": scope, "f": {"scope": reg(scope), "title": reg("共用隐患"), "place": reg("原处")}} for rec in shared[scope]]
                append(db.session(), db.session.scalar(select(User.id).limit(1)) or "", ops)
        return made, shared

    def count(self, sql: str) -> int:
        """One number from the database."""
        with self.open(), reading() as session:
            return int(session.execute(text(sql)).scalar_one() or 0)

    def verify(self) -> Report:
        """The fold of the whole log against the rows."""
        with self.open():
            return fold_anew(db.session())

    def worker_facts(self) -> list[tuple[float, float]]:
        """(processor seconds, MiB resident) of each gunicorn worker."""
        assert self.process is not None
        found = []
        for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            found.append(((int(stat[11]) + int(stat[12])) / TICKS, pages * os.sysconf("SC_PAGE_SIZE") / 2**20))
        return found


@contextmanager
def load_town(folder: Path, workers: int) -> Iterator[LoadTown]:
    """A running town with everything a real one has but S3."""
    with cluster() as url, valkey(folder) as (redis_url, _):
        town = LoadTown(folder, create_database(url, "xunan_load"), redis_url, workers)
        town.start()
        jobs: subprocess.Popen[Any] = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "wsgi", "worker"], cwd=ROOT, env=town.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield town
        finally:
            jobs.terminate()
            jobs.wait()
            town.kill9()
