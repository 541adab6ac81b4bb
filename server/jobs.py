"""Durable jobs: written in the transaction of the fact that needs them, run later by whoever is there.

Owns the job table, how a job is leased and run, and the sweep: one thread per process that either runs what is due (default) or,
when Redis/Valkey is configured, tells an rq worker to - the same functions. The table is the truth and Redis only a bell, so a
crash between commit and bell, or a lost Redis, delays a job until the next sweep and loses none. A job may run twice and must
not mind. The sweep also does the housekeeping that has no event of its own.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog
from flask import Flask
from sqlalchemy import BigInteger, Integer, String, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.db import Base, JsonText, db, unit
from server.files.store import StoreDown
from server.ledger import brought
from server.ledger.clock import now_ms
from server.ledger.partitions import make_coming
from server.ledger.quarantine import release_overdue
from server.settings import Settings

if TYPE_CHECKING:
    from rq import Queue

log = structlog.get_logger(__name__)
LEASE_MS = 120_000
TRIES_MAX = 5
SWEEP_SECONDS = 15.0
QUEUE_PAUSE_SECONDS = 1.0
HOUSEKEEPING_MS = 600_000
DONE_KEEP_MS = 7 * 86_400_000
QUEUE = "xunan"
BELL = "drain"


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
Housekeeping = Callable[[Session, int], object]
_work: dict[str, Work] = {}
_housekeeping: list[Housekeeping] = []
_wake = threading.Event()


def register(name: str, work: Work) -> None:
    """Bind a job name to its function (session, args, now_ms)."""
    _work[name] = work


def add(session: Session, name: str, args: dict[str, Any], at: int) -> None:
    """Write a job in the open unit of work; it exists exactly when that commits."""
    session.add(Job(name=name, args=args, state="waiting", due_at=at, created_at=at))


def is_waiting(session: Session, name: str, args: dict[str, Any] | None = None, *, running: bool = False) -> bool:
    """Whether a job of that name (and with these arguments among its own) is still to be run, or being run."""
    states = ("waiting", "running") if running else ("waiting",)
    found = session.scalars(select(Job.args).where(Job.name == name, Job.state.in_(states)))
    return any((args or {}).items() <= held.items() for held in found)


def due_at(session: Session, name: str) -> int | None:
    """When the next waiting job of that name is due."""
    return session.scalar(select(Job.due_at).where(Job.name == name, Job.state == "waiting").order_by(Job.due_at).limit(1))


def wake() -> None:
    """After the commit: tell the sweep there is something to do. Forgetting to call it only costs its period."""
    _wake.set()


def is_due(session: Session, at: int) -> bool:
    """Whether any job could be run now; takes no lock."""
    found = session.scalar(select(Job.id).where(Job.state.in_(("waiting", "running")), Job.due_at <= at).limit(1))
    session.rollback()
    return found is not None


def take(session: Session, at: int) -> tuple[int, str, Any, int] | None:
    """Lease the oldest due job, or None. Two runners never lease the same one at the same time.

    Gives id, name, arguments and the end of the lease, which tells whether the lease is still ours when the work is done. A job
    that used up its tries by dying is marked failed; it comes back without a name, not to be run.
    """
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
        if row.tries >= TRIES_MAX:
            # Its process died each time before it could say why: not again.
            row.state, row.error = "failed", row.error or "Crashed"
            return row.id, "", None, 0
        row.state, row.tries, row.due_at = "running", row.tries + 1, at + LEASE_MS
        return row.id, row.name, row.args, row.due_at


def run_one(session: Session, at: int) -> bool:
    """Run one due job; False when none is due. A failing job is tried again later, then marked failed with its reason."""
    leased = take(session, at)
    if leased is None:
        return False
    job_id, name, args, lease = leased
    ours = (Job.id == job_id) & (Job.state == "running") & (Job.due_at == lease)
    if not name:
        log.error("job_gave_up", job=job_id)
        return True
    try:
        _work[name](session, args, at)
    except Exception as error:
        session.rollback()
        log.exception("job_failed", job=job_id, name=name)
        with unit(session):
            row = session.scalars(select(Job).where(ours).with_for_update()).first()
            if row is not None:
                if isinstance(error, StoreDown):
                    row.tries = 1  # not the job's fault: it waits for the store, however long that is away
                row.error = type(error).__name__
                row.state = "failed" if row.tries >= TRIES_MAX else "waiting"
                row.due_at = at + 1000 * 4**row.tries
        return True
    with unit(session):
        # Whoever took it over after our lease ended writes what becomes of it.
        session.execute(update(Job).where(ours).values(state="done", error=None))
    return True


def keep_house(session: Session, at: int) -> None:
    """What is due by the clock alone. One task that fails does not keep the others from running."""
    for task in _housekeeping:
        try:
            task(session, at)
        except Exception:
            session.rollback()
            log.exception("housekeeping_failed", task=getattr(task, "__name__", "task"))


def prune(session: Session, at: int) -> None:
    """Forget jobs done a week ago; failed ones stay for a person."""
    if session.scalar(select(Job.id).where(Job.state == "done", Job.created_at < at - DONE_KEEP_MS).limit(1)) is not None:
        with unit(session):
            session.execute(delete(Job).where(Job.state == "done", Job.created_at < at - DONE_KEEP_MS))


def drain() -> int:
    """Housekeeping, then everything that is due now; returns how many jobs ran. The function rq calls, too."""
    ran = 0
    try:
        keep_house(db.session(), now_ms())
        while is_due(db.session(), now_ms()) and run_one(db.session(), now_ms()):
            ran += 1
    finally:
        db.session.remove()
    return ran


def run_from_queue() -> int:
    """Entry point of an rq worker: opens the configured app, then drains."""
    from server import create_app

    with create_app().app_context():
        return drain()


class Sweep:
    """One daemon thread per process, started with its first request (after any fork)."""

    def __init__(self, app: Flask, ring: Callable[[], None] | None) -> None:
        """`ring` tells an rq worker to drain; None means this thread drains itself."""
        self._app = app
        self._ring = ring
        self._lock = threading.Lock()
        self._pid = 0
        self._rung_at = 0

    def ensure(self) -> None:
        """Start once per process; a test turns the crank itself."""
        if self._app.testing:
            return
        with self._lock:
            if self._pid != os.getpid():
                self._pid = os.getpid()
                threading.Thread(target=self._run, name="jobs", daemon=True).start()

    def once(self, at: int) -> None:
        """One turn: run what is due, or ring for it. Jobs left by a crash are found here."""
        if self._ring is None:
            drain()
            return
        due = is_due(db.session(), at)
        db.session.remove()
        if due or at - self._rung_at >= HOUSEKEEPING_MS:
            self._rung_at = at
            self._ring()

    def _run(self) -> None:
        with self._app.app_context():
            while True:
                _wake.clear()
                try:
                    self.once(now_ms())
                except Exception:
                    log.exception("job_sweep_failed")
                _wake.wait(SWEEP_SECONDS)


def install(app: Flask, settings: Settings) -> None:
    """Bind the jobs and the housekeeping of this server and choose who runs them."""
    from server.accounts import audit, audit_chain, tries
    from server.erasure import files as erased_files
    from server.erasure import retention
    from server.erasure.scrub import scrub
    from server.erasure.service import SCRUB
    from server.files.media import process
    from server.files.store import make_store
    from server.files.tus import Uploads

    uploads = Uploads(settings, make_store(settings))
    app.extensions["xunan_uploads"] = uploads
    register("media", lambda session, args, at: _ignore(process(session, uploads.store, args["sha256"], at)))
    register(erased_files.JOB, lambda session, args, at: erased_files.remove_bytes(session, uploads, args))
    register(retention.JOB, retention.run)
    register(SCRUB, lambda session, args, at: scrub(session.get_bind().engine))

    def forget_old_audit(session: Session, at: int) -> None:
        audit.prune(session, at, settings.audit_days_min)

    # release_overdue is the clock of P-10: a field that waited seven days for its parent is released.
    _housekeeping[:] = [release_overdue, brought.settle, uploads.expire, prune, tries.prune, audit_chain.seal_due, forget_old_audit, make_coming, erased_files.sweep]
    sweep = Sweep(app, bell(settings.redis_url) if settings.redis_url else None)
    app.extensions["xunan_jobs"] = sweep
    app.before_request(sweep.ensure)


def _ignore(_result: object) -> None:
    """A job's result is in the tables."""


def _queue(url: str) -> Queue:
    from redis import Redis
    from rq import Queue
    from rq.serializers import JSONSerializer

    return Queue(QUEUE, connection=Redis.from_url(url), serializer=JSONSerializer)


def ring_options(at: int) -> dict[str, Any]:
    """No ring may depend on an earlier one: a worker killed in the middle of a drain must not keep the next from starting."""
    return {"job_id": f"{BELL}-{at // 1000}", "unique": True, "ttl": 60, "job_timeout": 600, "result_ttl": 0, "failure_ttl": 3600}


def bell(url: str) -> Callable[[], None]:
    """What tells an rq worker to drain: at most one ring a second, and a ring nobody heard for a minute is void."""
    from redis.exceptions import RedisError
    from rq.exceptions import DuplicateJobError

    queue = _queue(url)

    def ring() -> None:
        try:
            queue.enqueue("server.jobs.run_from_queue", **ring_options(now_ms()))
        except DuplicateJobError:
            log.debug("queue_already_rung")  # within this second
        except RedisError:
            # The job stands in the table: the sweep rings again when Redis is back.
            log.warning("queue_unreachable")

    return ring


def work(url: str, *, burst: bool = False) -> None:
    """Be the rq worker (`flask worker`): the drain runs in a child process, so a crash in it costs one try.

    rq's own worker quits, now with an exception and now without, when Redis goes at the wrong moment; then a new one begins.
    """
    from redis.exceptions import RedisError
    from rq import Worker
    from rq.serializers import JSONSerializer

    while True:
        queue = _queue(url)
        worker = Worker([queue], connection=queue.connection, serializer=JSONSerializer)
        try:
            worker.work(burst=burst)
        except RedisError:
            if burst:
                raise
        if burst or worker._shutdown_requested_date is not None:
            return
        log.warning("queue_unreachable")
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)  # rq's handlers would ask the worker that is gone
        threading.Event().wait(QUEUE_PAUSE_SECONDS)
