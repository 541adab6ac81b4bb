"""PostgreSQL stopped in immediate mode under load and started again: refused in plain words, nothing acknowledged lost, no restart needed."""

from __future__ import annotations

from pathlib import Path

from tests.faults.town import Crowd, Files, Town, new_seed, wait_until
from tests.tools.postgres import create_database, running_cluster

OUTAGES, DEVICES = 2, 4


def test_a_database_that_crashes_and_comes_back_costs_nothing(tmp_path: Path) -> None:
    seed = new_seed()
    with running_cluster() as cluster:
        town = Town(tmp_path, create_database(cluster.url, "xunan_gone"))
        town.start()
        try:
            pushers = town.sign_in_all(DEVICES, seed)
            crowd = Crowd(pushers)
            crowd.each_gains(20)
            for _ in range(OUTAGES):
                cluster.crash()
                crowd.each_refused(2)
                assert town.ask("GET", "/readyz").problem == (503, "unavailable")
                assert town.ask("GET", "/healthz").status == 200, "the process itself is well"
                assert town.ask("GET", "/api/v1/snapshots", token=pushers[0].token).problem == (503, "unavailable")
                assert Files(town, pushers[0].token).create(b"x").problem == (503, "unavailable")
                cluster.start()
                wait_until(lambda: town.ask("GET", "/readyz").status == 200, "ready again")
                crowd.each_gains(20)
            crowd.finish()
            assert {refusal for pusher in pushers for refusal in pusher.refused} == {(503, "unavailable")}
            assert town.starts == 1
            town.check(pushers)
        finally:
            town.kill9()
