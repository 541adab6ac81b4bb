"""No room for the database, no room for an upload: a clear problem, nothing acknowledged that is not stored, and all is well once there is room again."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import psycopg
import pytest

from tests.faults.town import Crowd, Files, Town, new_seed
from tests.tools.postgres import create_database

DEVICES, SIZE, ROOM, PLENTY = 3, 1_000_000, 400_000, 1 << 30
FULL = """
    CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE SQLSTATE '53100' USING MESSAGE = 'could not extend file: No space left on device'; END $$;
    CREATE TRIGGER no_room BEFORE INSERT ON op_log FOR EACH ROW EXECUTE FUNCTION no_room()
"""


class SmallTown(Town):
    """A town on a disk whose room the test decides."""

    app = "tests.faults.small_disk:app"

    def __init__(self, folder: Path) -> None:
        self.pages = folder / "pages"
        self.limit_pages(PLENTY)
        super().__init__(folder, SMALL_DISK_PAGES=str(self.pages))

    def limit_pages(self, pages: int) -> None:
        """How far the database may grow; never below what it has."""
        new = self.pages.with_suffix(".new")
        new.write_text(str(pages))
        new.replace(self.pages)

    def limit_files(self, size: int) -> None:
        """How long any file of the running server may become (EFBIG instead of ENOSPC: to a writer the same)."""
        assert self.process is not None
        workers = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for worker in workers:
            resource.prlimit(int(worker), resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.fixture
def town(tmp_path: Path) -> Iterator[SmallTown]:
    made = SmallTown(tmp_path)
    made.start()
    yield made
    made.kill9()


@pytest.mark.parametrize(
    "full, empty, refusal",
    [
        (lambda town: town.limit_pages(1), lambda town: town.limit_pages(PLENTY), (507, "storage_full")),
        (lambda town: town.limit_files(1), lambda town: town.limit_files(resource.RLIM_INFINITY), (503, "unavailable")),
    ],
    ids=["the database is full", "the disk takes no write"],
)
def test_a_database_without_room_acknowledges_nothing_and_goes_on_when_there_is_some(
    town: SmallTown, full: Callable[[SmallTown], None], empty: Callable[[SmallTown], None], refusal: tuple[int, str]
) -> None:
    seed = new_seed()
    pushers = town.sign_in_all(DEVICES, seed)
    crowd = Crowd(pushers)
    crowd.each_gains(20)
    for _ in range(2):
        full(town)
        crowd.each_refused(3)
        for pusher in pushers:
            acked, held = pusher.acked, town.stored(pusher)
            assert len(held) >= acked
            assert held == pusher.lines[: len(held)]
        empty(town)
        crowd.each_gains(20)
    crowd.finish()
    assert {each for pusher in pushers for each in pusher.refused} == {refusal}
    assert town.starts == 1
    town.check(pushers)


def test_postgresql_that_says_disk_full_is_told_apart_from_one_that_is_gone(postgres_cluster: str, tmp_path: Path) -> None:
    """Its own error 53100, raised by a trigger: filling the disk of a cluster would need one of its own."""
    seed = new_seed()
    url = create_database(postgres_cluster, f"xunan_full_{seed}")
    town = Town(tmp_path, url)
    town.start()
    try:
        crowd = Crowd(town.sign_in_all(1, seed))
        crowd.each_gains(20)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(FULL)
            crowd.each_refused(3)
            connection.execute("DROP TRIGGER no_room ON op_log")
        crowd.each_gains(20)
        crowd.finish()
        assert set(crowd.pushers[0].refused) == {(507, "storage_full")}
        town.check(crowd.pushers)
    finally:
        town.kill9()


def test_an_upload_without_room_keeps_what_came_and_goes_on_when_there_is_some(town: SmallTown) -> None:
    seed = new_seed()
    data = Random(seed).randbytes(SIZE)
    files = Files(town, town.sign_in(1, seed).token)
    assert files.create(data).status == 201
    town.limit_files(ROOM)
    assert files.patch(data, 0).problem == (507, "storage_full")
    assert files.head(data).headers["Upload-Offset"] == str(ROOM), "what is on disk, no more"
    assert files.patch(data, ROOM).problem == (507, "storage_full")
    assert files.state(data) is None
    town.limit_files(resource.RLIM_INFINITY)
    assert files.head(data).headers["Upload-Offset"] == str(ROOM)
    assert files.patch(data, ROOM).status == 204
    assert files.state(data) is not None
