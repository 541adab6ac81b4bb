"""The town of the load generator: PostgreSQL, Valkey, several gunicorn workers, a worker for jobs, enrolled devices.

Owns the set-up and the questions asked of the running town (memory, processor time, size on disk, the counter row). PostgreSQL waits for
the disk at every commit, as a real one must. Devices are enrolled through the service
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
from tests.tools.postgres import create_database, running_cluster
from tests.tools.serving import PASSWORD, ROOT, Server, free_port

SHARED = {"hazard": 20, "transfer": 30, "stock_lot": 5}
TICKS = os.sysconf("SC_CLK_TCK")


class LoadTown(Server):
    """A server with its services, without a demo town. `processes` by name: what its processor time is asked of."""

    app = "tests.load.watched:app"

    def __init__(self, folder: Path, database_url: str, redis_url: str, workers: int) -> None:
        """Migrates; `start` starts it."""
        self.port, self.starts, self.process = free_port(), 0, None
        self.log, self.watched = folder / "server.log", folder / "counter.log"
        self.url, self.processes = database_url, dict[str, int]()
        self.environment = os.environ | {
            "XUNAN_ENV": "dev", "XUNAN_DATABASE_URL": database_url, "XUNAN_DATA_DIR": str(folder), "XUNAN_BASE_URL": f"http://127.0.0.1:{self.port}",
            "XUNAN_REDIS_URL": redis_url, "XUNAN_PWA_DIR": str(folder), "PORT": str(self.port), "WEB_WORKERS": str(workers), "XUNAN_LOG_LEVEL": "WARNING",
            "LOAD_COUNTER_LOG": str(self.watched),
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

    def enrol(self, count: int, stations: int, seed: int) -> list[Handheld]:
        """Signed-in devices, spread over the stations, each of which has hazards, people and stock that all its devices share."""
        random, made = Random(seed), []
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
                append(db.session(), db.session.scalar(select(User.id).limit(1)) or "", list(shared_ops(scope, index)))
        return made

    def count(self, sql: str) -> int:
        """One number from the database."""
        with self.open(), reading() as session:
            return int(session.execute(text(sql)).scalar_one() or 0)

    def bytes_on_disk(self) -> int:
        """What the database takes."""
        return self.count("SELECT pg_database_size(current_database())")

    def chains(self) -> list[tuple[str, int, str]]:
        """(dev, n, h) of every op a device brought; h stands for all bytes of the chain up to n."""
        with self.open(), reading() as session:
            return [(dev, n, h) for dev, n, h in session.execute(text("SELECT dev, n, h FROM op_log WHERE device <> 'server'"))]

    def counter(self) -> tuple[list[float], list[float]]:
        """Milliseconds each push waited for the counter row, and held it until its commit was on disk."""
        pairs = [line.split() for line in self.watched.read_text().splitlines()]
        return [float(waited) for waited, _ in pairs], [float(held) for _, held in pairs]

    def cpu(self) -> dict[str, float]:
        """Processor seconds used so far, by part of the town."""
        return {name: tree_cpu(pid) for name, pid in self.processes.items()}

    def verify(self) -> Report:
        """The fold of the whole log against the rows."""
        with self.open():
            return fold_anew(db.session())

    def worker_mib(self) -> list[float]:
        """MiB resident of each gunicorn worker."""
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in children(self.processes["gunicorn"])]
        return [each * os.sysconf("SC_PAGE_SIZE") / 2**20 for each in pages]


def shared_ops(scope: str, index: int) -> Iterator[dict[str, Any]]:
    """What a station holds before the storm."""
    fields = {
        "hazard": {"title": reg("共用隐患"), "place": reg("原处")},
        "transfer": {"status": reg("pending")},
        "stock_lot": {"lot_no": reg("2026-07"), "on_hand": {"k": "inc", "v": 10_000}},
    }
    for mark, (kind, count) in enumerate(SHARED.items()):
        for number in range(count):
            rec = f"01980000-000{mark}-7000-8000-{index:06d}{number:06d}"
            yield {"rec": rec, "kind": kind, "scope": scope, "f": {"scope": reg(scope)} | fields[kind]}


def children(pid: int) -> list[int]:
    """Processes a process started itself."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def tree_cpu(pid: int) -> float:
    """Processor seconds of a process, those it started and those of them that are gone."""
    try:
        below = sum(tree_cpu(each) for each in children(pid))
        stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # ended just now: its parent answers for it
    return sum(int(each) for each in stat[11:15]) / TICKS + below


@contextmanager
def load_town(folder: Path, workers: int) -> Iterator[LoadTown]:
    """A running town with everything a real one has but S3."""
    with running_cluster(durable=True) as postgres, valkey(folder) as (redis_url, _):
        town = LoadTown(folder, create_database(postgres.url, "xunan_load"), redis_url, workers)
        town.start()
        jobs: subprocess.Popen[Any] = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "wsgi", "worker"], cwd=ROOT, env=town.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert town.process is not None
        assert postgres.server is not None
        town.processes = {"gunicorn": town.process.pid, "postgres": postgres.server.pid, "jobs": jobs.pid}
        try:
            yield town
        finally:
            jobs.terminate()
            jobs.wait()
            town.kill9()
