"""Durable jobs: a crash, a lost bell or a lost Redis delays one and loses none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session

from server import jobs
from server.db import db, unit
from server.files.models import StoredFile
from server.files.store import StoreDown
from server.jobs import LEASE_MS, QUEUE, TRIES_MAX, Job, Sweep, bell, drain, run_one, take
from tests.server.files.services import valkey
from tests.tools.serving import ROOT, free_port

AT = 1_760_000_000_000


@pytest.fixture
def ran(app: Flask) -> Iterator[list[Any]]:
    """A job "note" that only notes what it was given; "poison" always fails."""
    noted: list[Any] = []

    def poison(_session: Session, _args: dict[str, Any], _at: int) -> None:
        raise ZeroDivisionError

    with app.app_context():
        jobs.register("note", lambda _session, args, _at: noted.append(args["what"]))
        jobs.register("poison", poison)
        yield noted
        db.session.rollback()


def put(name: str, at: int = AT, **args: Any) -> None:
    with unit() as session:
        jobs.add(session, name, args, at)


def states() -> list[tuple[str, str, int]]:
    found = [(row.name, row.state, row.tries) for row in db.session.scalars(select(Job).order_by(Job.id))]
    db.session.rollback()
    return found


def test_a_job_exists_exactly_when_its_fact_does(ran: list[Any]) -> None:
    with pytest.raises(KeyError), unit() as session:
        jobs.add(session, "note", {"what": 1}, AT)
        raise KeyError
    assert states() == []
    put("note", what=2)
    assert drain() == 1
    assert ran == [2]


def test_a_job_whose_process_died_is_taken_again_after_its_lease(ran: list[Any]) -> None:
    put("note", what="x")
    assert take(db.session(), AT) is not None, "leased; the process dies here"
    assert not run_one(db.session(), AT + LEASE_MS - 1), "somebody may still be at it"
    assert run_one(db.session(), AT + LEASE_MS)
    assert ran == ["x"]
    assert states() == [("note", "done", 2)]


def test_who_lost_his_lease_does_not_say_what_became_of_the_job(ran: list[Any], app: Flask) -> None:
    def slow(_session: Session, _args: dict[str, Any], _at: int) -> None:
        with app.app_context():
            assert take(db.session(), AT + LEASE_MS) is not None, "somebody else takes it meanwhile"

    jobs.register("slow", slow)
    put("slow")
    assert run_one(db.session(), AT)
    assert states() == [("slow", "running", 2)]


def test_two_runners_at_once_never_take_the_same_job(ran: list[Any], app: Flask) -> None:
    for number in range(12):
        put("note", what=number)

    def run(_: int) -> None:
        with app.app_context():
            while run_one(db.session(), AT):
                pass
            db.session.remove()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    assert sorted(ran) == list(range(12))


def test_a_job_that_kills_its_process_every_time_is_given_up(ran: list[Any]) -> None:
    put("note", what="x")
    at = AT
    for _ in range(TRIES_MAX):
        assert take(db.session(), at) is not None
        at += LEASE_MS
    assert run_one(db.session(), at)
    assert states() == [("note", "failed", TRIES_MAX)]
    assert ran == []


def test_a_job_that_fails_waits_longer_each_time_and_keeps_its_reason(ran: list[Any]) -> None:
    put("poison")
    put("note", what="behind it")
    at, waits = AT, []
    for _ in range(TRIES_MAX):
        while run_one(db.session(), at):
            pass
        row = db.session.scalars(select(Job).where(Job.name == "poison")).one()
        db.session.rollback()
        waits.append(row.due_at - at)
        at = row.due_at
    assert waits == sorted(waits)
    assert waits[0] > 0
    assert states() == [("poison", "failed", TRIES_MAX), ("note", "done", 1)]
    assert db.session.scalars(select(Job.error).where(Job.name == "poison")).one() == "ZeroDivisionError"
    assert ran == ["behind it"]


def test_a_job_waits_for_the_store_however_long_that_is_away(ran: list[Any]) -> None:
    def needs_store(_session: Session, _args: dict[str, Any], _at: int) -> None:
        raise StoreDown("EndpointConnectionError")

    jobs.register("needs_store", needs_store)
    put("needs_store")
    at = AT
    for _ in range(2 * TRIES_MAX):
        assert run_one(db.session(), at)
        [due] = db.session.scalars(select(Job.due_at)).all()
        db.session.rollback()
        assert due > at
        at = due
    jobs.register("needs_store", lambda _session, _args, _at: ran.append("done"))
    assert run_one(db.session(), at)
    assert ran == ["done"]
    assert [state for _, state, _ in states()] == ["done"]


def test_redis_gone_and_back_loses_nothing(ran: list[Any], app: Flask, tmp_path: Path) -> None:
    port = free_port()
    sweep = Sweep(app, bell(f"redis://127.0.0.1:{port}/0"))
    put("note", what="while Redis is away")
    sweep.once(AT + 1)
    assert ran == [], "nobody heard the bell"
    assert states()[0][1] == "waiting"
    with valkey(tmp_path, port) as (url, _):
        sweep.once(AT + 2000)
        with Redis.from_url(url) as client:
            queue = Queue(QUEUE, connection=client, serializer=JSONSerializer)
            assert [job.func_name for job in queue.jobs] == ["server.jobs.run_from_queue"]
    assert drain() == 1, "what the worker runs"
    assert ran == ["while Redis is away"]


def test_a_real_worker_does_what_the_table_says(app: Flask, tmp_path: Path) -> None:
    """`flask worker` in its own process: rung through a real Valkey, it drains the table and makes a photo's small versions."""
    settings = app.extensions["xunan"]
    data = b"%PDF-1.4 not an image"
    key = sha256(data).hexdigest()
    source = tmp_path / "source"
    source.write_bytes(data)
    with app.app_context():
        assert app.extensions["xunan_uploads"].adopt(db.session(), key, source, "image/jpeg", ["d_1"], AT)
    with valkey(tmp_path) as (url, _):
        bell(url)()
        environment = os.environ | {
            "XUNAN_DATABASE_URL": settings.database_url, "XUNAN_DATA_DIR": str(settings.data_dir), "XUNAN_REDIS_URL": url, "XUNAN_LOG_LEVEL": "ERROR",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", "worker", "--burst"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    with app.app_context():
        assert states() == [("media", "done", 1)]
        assert db.session.get_one(StoredFile, key).state == "damaged"
