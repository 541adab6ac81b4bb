"""Durable jobs: written in the transaction of the fact that needs them, run later by whoever is there.

Owns the job table and its two runners: threads of this process (default), or rq on Redis/Valkey when configured - the same
functions. The table is the truth; Redis only carries ids, so a crash between commit and enqueue, or a lost Redis, delays a job
until the next sweep and loses none. A job may run twice and must not mind.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import structlog
from flask import Flask
from sqlalchemy import BigInteger, Integer, String, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.db import Base, JsonText, db, unit
from server.ledger.clock import now_ms
from server.ledger.quarantine import release_overdue
from server.settings import Settings

log = structlog.get_logger(__name__)
LEASE_MS = 120_000
TRIES_MAX = 5
SWEEP_SECONDS = 15.0
QUEUE = "xunan"


class Job(Base):
    """One piece of work. `state`: waiting · running (until `due_at`, then anyone may take it again) · done · failed."""

    __tablename__ = "job"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(30))
    args: Mapped[Any] = mapped_column(JsonText)
    state: Mapped[str] = mapped_column(String(10), index=True)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    due_at: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[int] = mapped_column(BigInteger)
    error: Mapped[str | None] = mapped_column(String(120))


Work = Callable[[Session, dict[str, Any], int], None]
_work: dict[str, Work] = {}
_wake = threading.Event()
_enqueue: list[Callable[[], None]] = []


def register(name: str, work: Work) -> None:
    """Bind a job name to its function (session, args, now_ms)."""
    _work[name] = work


def add(session: Session, name: str, args: dict[str, Any], at: int) -> None:
    """Write a job in the open unit of work; it exists exactly when that commits."""
    session.add(Job(name=name, args=args, state="waiting", due_at=at, created_at=at))


def wake() -> None:
    """After the commit: tell the runner there is something to do. Forgetting to call it only costs a sweep."""
    _wake.set()
    for tell in _enqueue:
        tell()


def take(session: Session, at: int) -> tuple[int, str, dict[str, Any]] | None:
    """Lease the oldest due job, or None. Two runners never lease the same one at the same time."""
    with unit(session):
        row = session.scalars(
            select(Job)
            .where(Job.state.in_(("waiting", "running")), Job.due_at <= at)
            .order_by(Job.due_at, Job.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).first()
        if row is None:
            return None
        row.state, row.tries, row.due_at = "running", row.tries + 1, at + LEASE_MS
        return row.id, row.name, row.args


def run_one(session: Session, at: int) -> bool:
    """Run one due job; False when none is due. A failing job is tried again later, then marked failed with its reason."""
    leased = take(session, at)
    if leased is None:
        return False
    job_id, name, args = leased
    try:
        _work[name](session, args, at)
    except Exception as error:
        session.rollback()
        log.exception("job_failed", job=job_id, name=name)
        with unit(session):
            row = session.get_one(Job, job_id)
            row.error = type(error).__name__
            row.state = "failed" if row.tries >= TRIES_MAX else "waiting"
            row.due_at = at + 1000 * 4**row.tries
        return True
    with unit(session):
        session.execute(update(Job).where(Job.id == job_id).values(state="done", error=None))
    return True


def drain() -> int:
    """Run everything that is due now; returns how many ran. The function rq calls, too."""
    ran = 0
    try:
        # The sweep is also the clock of P-10: a field that waited seven days for its parent is released here.
        release_overdue(db.session())
        while run_one(db.session(), now_ms()):
            ran += 1
    finally:
        db.session.remove()
    return ran


def run_from_queue() -> int:
    """Entry point of an rq worker: opens the configured app, then drains."""
    from server import create_app

    with create_app().app_context():
        return drain()


class Runner:
    """The in-process runner: one daemon thread, started with the first request of the process (after any fork)."""

    def __init__(self, app: Flask) -> None:
        """Nothing runs yet."""
        self._app = app
        self._lock = threading.Lock()
        self._pid = 0

    def ensure(self) -> None:
        """Start once per process; a test drains the jobs itself."""
        if self._app.testing:
            return
        with self._lock:
            if self._pid != os.getpid():
                self._pid = os.getpid()
                threading.Thread(target=self._run, name="jobs", daemon=True).start()

    def _run(self) -> None:
        with self._app.app_context():
            while True:
                try:
                    drain()
                except Exception:
                    log.exception("job_sweep_failed")
                _wake.wait(SWEEP_SECONDS)
                _wake.clear()


def install(app: Flask, settings: Settings) -> None:
    """Bind the jobs of this server and choose the runner."""
    from server.files.media import process
    from server.files.store import make_store
    from server.files.tus import Uploads

    uploads = Uploads(settings, make_store(settings))
    app.extensions["xunan_uploads"] = uploads
    register("media", lambda session, args, at: _ignore(process(session, uploads.store, args["sha256"], at)))
    if settings.redis_url:
        _install_queue(settings.redis_url)
        return
    runner = Runner(app)
    app.extensions["xunan_jobs"] = runner
    app.before_request(runner.ensure)


def _ignore(_result: object) -> None:
    """A job's result is in the tables."""


def _install_queue(url: str) -> None:
    from redis import Redis
    from redis.exceptions import RedisError
    from rq import Queue
    from rq.serializers import JSONSerializer

    queue = Queue(QUEUE, connection=Redis.from_url(url), serializer=JSONSerializer)

    def tell() -> None:
        try:
            queue.enqueue("server.jobs.run_from_queue", job_timeout=600, result_ttl=60)
        except RedisError:
            # The job stands in the table: the worker's sweep finds it when Redis is back.
            log.warning("queue_unreachable")

    _enqueue.clear()
    _enqueue.append(tell)
