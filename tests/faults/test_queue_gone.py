"""Valkey killed while files arrive, and back: every file is taken, every job stands in the database and is run, readiness and doctor tell the truth."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

from redis import Redis
from sqlalchemy import text

from server.db import db
from server.doctor import examine
from server.jobs import QUEUE
from tests.faults.town import Files, Town, new_seed, wait_until
from tests.server.files.services import valkey
from tests.tools.serving import ROOT, free_port

AWAY = 5


def jobs(town: Town) -> Counter[str]:
    with town.database() as session:
        return Counter(session.execute(text("SELECT state FROM job")).scalars())


def is_idle(url: str) -> bool:
    """Whether no ring waits and the worker rests."""
    with Redis.from_url(url) as client:
        workers = client.smembers("rq:workers")
        return not client.llen(f"rq:queue:{QUEUE}") and all(client.hget(worker, "state") == b"idle" for worker in workers)


def queue_found(town: Town) -> str:
    """What the doctor says of the queue."""
    db.init(town.url)
    try:
        return {each.name: each.state for each in examine(town.settings)}["queue"]
    finally:
        db.close()


def test_a_queue_that_goes_and_comes_back_delays_jobs_and_loses_none(tmp_path: Path) -> None:
    seed = new_seed()
    random, port = Random(seed), free_port()
    town = Town(tmp_path, XUNAN_REDIS_URL=f"redis://127.0.0.1:{port}/0")
    worker: subprocess.Popen[bytes] | None = None
    try:
        with valkey(tmp_path, port) as (url, _):
            town.start()
            worker = subprocess.Popen([sys.executable, "-m", "flask", "--app", "wsgi", "worker"], cwd=ROOT, env=town.environment, start_new_session=True)
            files = Files(town, town.sign_in(1, seed).token)
            files.upload(random.randbytes(50_000))
            wait_until(lambda: jobs(town) == {"done": 1}, "the first job done")
            wait_until(lambda: is_idle(url), "the worker idle: a drain that still runs would take the next jobs without any bell")
            assert queue_found(town) == "ok"
        away = [random.randbytes(50_000) for _ in range(AWAY)]
        for data in away:
            files.upload(data)
            assert files.state(data) == "stored"
        assert jobs(town) == {"done": 1, "waiting": AWAY}
        assert town.ask("GET", "/readyz").status == 200, "pushes and uploads need no queue"
        assert queue_found(town) == "wrong"
        with valkey(tmp_path, port):
            files.upload(random.randbytes(50_000))
            wait_until(lambda: jobs(town) == {"done": AWAY + 2}, "every job done")
            assert worker.poll() is None, "the worker outlived it"
            worker.terminate()
            assert worker.wait(timeout=20) == 0, "and ends when told to"
            assert {files.state(data) for data in away} == {"damaged"}, "random bytes are no image; the job says so"
    finally:
        if worker is not None:
            worker.kill()
            worker.wait()
        town.kill9()
