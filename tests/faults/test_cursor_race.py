"""P-26 at size: a reader that pages by cursor while eight writers commit is given every state that was stored, on both databases."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random
from threading import Barrier, Event

import pytest
from sqlalchemy import text

from server.db import db, reading
from server.ledger import feed
from server.ledger.bulk import Bulk
from tests.faults.town import new_seed, wait_until
from tests.server.ledger.conftest import world  # noqa: F401 - fixtures
from tests.server.ledger.world import STATION, Device, World, rec_id

COMMITS = int(os.environ.get("TEST_COMMITS") or 3_200)
WRITERS, READERS_LIMITS = 8, (1, 7, 50)
SECONDS_MAX, SWITCH_SECONDS = 3_600, 0.0005
State = tuple[str, int]


def write(device: Device, number: int, count: int, begin: Barrier) -> int:
    """One op, one new record, one commit at a time: nothing is coalesced, so every stored state must reach the reader."""
    device.caller = replace(device.caller, push_only=True)
    begin.wait()
    try:
        for turn in range(count):
            device.create_hazard(rec_id((number + 1) * 1_000_000 + turn))
            device.send()
        return device.n
    finally:
        db.session.remove()


def read(device: Device, random: Random, done: Event) -> list[State]:
    """Every (record, seq) in the order it was given, over pages of changing size."""
    seen: list[State] = []
    try:
        while True:
            last = done.is_set()
            answer = device.send(limit=random.choice(READERS_LIMITS))
            seen += [(state["id"], state["seq"]) for state in answer["records"]]
            if last and not answer["more"]:
                return seen
            if not answer["records"]:
                done.wait(0.02)
    finally:
        db.session.remove()


def stored() -> list[State]:
    with reading() as session:
        return [(rec, seq) for rec, seq in session.execute(text("SELECT id, seq FROM record WHERE scope = :s ORDER BY seq"), {"s": STATION})]


@pytest.mark.usefixtures("quick_threads")
def test_a_reader_misses_none_of_many_commits_p_26(world: World) -> None:  # noqa: F811
    seed = new_seed()
    world.device("first").send()
    done, begin = Event(), Barrier(WRITERS)
    with ThreadPoolExecutor(WRITERS + 1) as pool:
        reader = pool.submit(read, world.device("reader"), Random(seed), done)
        writers = [pool.submit(write, world.device(f"writer {number}"), number, COMMITS // WRITERS, begin) for number in range(WRITERS)]
        try:
            written = sum(writer.result(timeout=SECONDS_MAX) for writer in writers)
        finally:
            done.set()
        seen = reader.result(timeout=SECONDS_MAX)
    truth = stored()
    assert written == len(truth) == COMMITS // WRITERS * WRITERS
    assert sorted(seen, key=lambda state: state[1]) == truth, "every state, none twice"
    assert [seq for _, seq in seen] == sorted(seq for _, seq in seen), "in the order of the feed"
    with reading() as session:
        rows = session.execute(text("SELECT dev, COUNT(*), MAX(n), COUNT(DISTINCT n) FROM op_log GROUP BY dev")).all()
    assert all(count == top == distinct for _, count, top, distinct in rows)
    assert len(rows) == WRITERS


@pytest.fixture
def quick_threads() -> Iterator[None]:
    """Threads change places often: more orders of events in less time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_numbers_taken_before_the_lock_would_be_missed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """The control that must fail: with a counter that orders no commits, the same reader loses a record."""
    world.device("first").send()
    numbers, first_number, later_committed = itertools.count(100), Event(), Event()

    def take_seq(bulk: Bulk, count: int) -> int:
        seq = next(numbers)
        if seq == 100:
            first_number.set()
            assert later_committed.wait(20)
        bulk.execute("UPDATE sync_clock SET seq = GREATEST(seq, ?) WHERE id = 1", (seq + count,))
        return seq

    monkeypatch.setattr(feed, "take_seq", take_seq)
    slow, quick, reader = (world.device(name) for name in ("slow", "quick", "reader"))
    slow.create_hazard(rec_id(1))
    quick.create_hazard(rec_id(2))
    with ThreadPoolExecutor(1) as pool:
        slow_push = pool.submit(lambda: (slow.send(), db.session.remove()))
        wait_until(first_number.is_set, "the first number taken")
        quick.send()
        reader.pull_all()
        later_committed.set()
        slow_push.result(timeout=20)
    reader.pull_all()
    assert {rec for rec, _ in stored()} - set(reader.states) == {rec_id(1)}

