"""P-26: a cursor never passes a commit its reader could not see, with eight writers at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

from sqlalchemy import text

from server.db import db, reading
from server.ledger.verify import fold_anew
from server.ledger.write import append
from tests.server.ledger.world import START_MS, STATION, World, rec_id, reg

WRITERS, BATCHES, OPS, SHARED = 8, 6, 5, 12
PULLS_MAX = 20_000


def test_a_reader_misses_nothing_while_eight_writers_commit_p_26(world: World) -> None:
    seed = world.device("seed")
    heads = {rec_id(n): seed.create_hazard(rec_id(n)) for n in range(SHARED)}
    seed.send()
    done = Event()

    def write(number: int) -> int:
        device = world.device(f"writer {number}")
        try:
            for batch in range(BATCHES):
                for turn in range(OPS):
                    device.create_hazard(rec_id(10_000 + number * 1000 + batch * 10 + turn))
                # Every writer goes through the shared records in another order: a chance for deadlocks.
                shared = sorted(heads, key=lambda rec: hash((rec, number, batch)))[:4]
                for rec in shared:
                    device.write(rec, "hazard", {"note": reg(f"{number}/{batch}", heads[rec])})
                device.send()
            return device.n
        finally:
            db.session.remove()

    def read() -> dict[str, dict[str, object]]:
        reader = world.device("reader")
        try:
            for _ in range(PULLS_MAX):
                last = done.is_set()
                answer = reader.send(limit=7)
                if last and not answer["more"]:
                    return reader.states
            raise AssertionError("the reader never caught up")
        finally:
            db.session.remove()

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        reading_job = pool.submit(read)
        jobs = [pool.submit(write, number) for number in range(WRITERS)]
        try:
            written = sum(job.result(timeout=120) for job in jobs)
        finally:
            done.set()
        seen = reading_job.result(timeout=120)

    with reading() as session:
        rows = session.execute(text("SELECT id, seq FROM record WHERE scope = :s"), {"s": STATION}).all()
        assert session.execute(text("SELECT COUNT(*) FROM op_log")).scalar() == written + SHARED
        assert session.execute(text("SELECT COUNT(DISTINCT seq) FROM record")).scalar() == len(rows)
    assert {rec: state["seq"] for rec, state in seen.items()} == dict(rows)  # type: ignore[arg-type]
    report = fold_anew(db.session())
    assert report.ok, report


def test_workers_that_write_for_the_first_time_at_once_share_one_chain(world: World) -> None:
    def write(number: int) -> str:
        try:
            op = {"rec": rec_id(number), "kind": "hazard", "scope": STATION, "f": {"scope": reg(STATION)}}
            return append(db.session(), "u_operator", [op], at_ms=START_MS)[0].verdict
        finally:
            db.session.remove()

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(write, range(6), timeout=60)) == ["applied"] * 6
    with reading() as session:
        assert session.execute(text("SELECT dev, acked FROM incarnation")).all()[0][1] == 6
        assert session.execute(text("SELECT COUNT(*) FROM incarnation")).scalar() == 1
    assert fold_anew(db.session()).ok
