"""S3 gone while an upload completes, and back: nothing counts as delivered meanwhile, and every file completes when somebody asks again."""

from __future__ import annotations

from pathlib import Path
from random import Random

from tests.faults.town import Crowd, Files, Town, new_seed
from tests.server.files.services import ACCESS_KEY, BUCKET, SECRET_KEY, seaweed, seaweed_ports

SIZE, PART = 300_000, 100_000
DOWN = (503, "unavailable")


def test_a_store_that_goes_and_comes_back_loses_no_file_and_shows_none_too_early(tmp_path: Path) -> None:
    seed = new_seed()
    random, ports = Random(seed), seaweed_ports()
    before, asked_for, sent_again, begun, new = (random.randbytes(SIZE) for _ in range(5))
    (tmp_path / "weed").mkdir()
    town = Town(
        tmp_path, XUNAN_S3_URL=f"http://127.0.0.1:{ports['s3.port']}", XUNAN_S3_BUCKET=BUCKET, XUNAN_S3_ACCESS_KEY=ACCESS_KEY,
        XUNAN_S3_SECRET_KEY=SECRET_KEY,
    )  # fmt: skip
    try:
        with seaweed(tmp_path / "weed", ports):
            town.start()
            pusher = town.sign_in(1, seed)
            files = Files(town, pusher.token)
            files.upload(before)
            files.attach(before, pusher)
            assert files.read(before).body == before
            for data in (asked_for, sent_again, begun):
                assert files.create(data).status == 201
                assert files.patch(data, 0, PART).status == 204
        assert town.ask("GET", "/readyz").status == 200, "data does not wait for files (P-50)"
        crowd = Crowd([pusher])
        crowd.each_gains(20)
        crowd.finish()
        for data in (asked_for, sent_again):
            assert files.patch(data, PART).problem == DOWN
            assert files.head(data).status == DOWN[0]
        assert files.read(before).problem == DOWN, "not 404: it is not lost"
        assert files.patch(begun, PART, 2 * PART).status == 204, "bytes that do not complete a file need no store"
        assert files.create(new).status == 201, "nor does a new upload"
        assert files.patch(new, 0).problem == DOWN
        assert [files.state(data) for data in (asked_for, sent_again, begun, new)] == [None] * 4
        with seaweed(tmp_path / "weed", ports):
            assert files.head(asked_for).headers["Upload-Offset"] == str(SIZE)
            assert files.create(sent_again).headers["Upload-Offset"] == str(SIZE)
            assert files.patch(begun, 2 * PART).status == 204
            assert files.create(new).headers["Upload-Offset"] == str(SIZE)
            assert all(files.state(data) for data in (before, asked_for, sent_again, begun, new))
            for data in (asked_for, sent_again, begun, new):
                files.attach(data, pusher)
                assert files.read(data).body == data
            town.check([pusher])
    finally:
        town.kill9()
