"""tus 1.0 as handhelds need it: cut anywhere, go on at the offset, verified at the end, keyed by content (P-50)."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import select

from server.db import db
from server.errors import ProblemError
from server.files.models import Upload
from server.files.tus import EXPIRE_MS, Uploads
from server.jobs import drain
from server.ledger.clock import now_ms
from tests.server.files.tus_client import Tus, key_of, metadata

DATA = bytes(range(256)) * 200
KEY = key_of(DATA)
SignIn = Callable[[str], Tus]


def begun(app: Flask) -> Upload:
    """The one upload of the file."""
    with app.app_context():
        return db.session.scalars(select(Upload).where(Upload.sha256 == KEY)).one()


def code_of(answer: object) -> str:
    return str(answer.json["code"])  # type: ignore[attr-defined]


def test_a_file_sent_in_pieces_is_kept_whole(tus: Tus) -> None:
    assert tus.create(KEY, len(DATA)).status_code == 201
    for start in range(0, len(DATA), 20_000):
        answer = tus.patch(KEY, start, DATA[start : start + 20_000])
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(min(start + 20_000, len(DATA))))
    assert tus.state(KEY) in ("stored", "checked", "damaged")
    assert tus.head(KEY).headers["Upload-Offset"] == str(len(DATA))


def test_bytes_that_arrived_before_a_cut_are_kept_and_the_rest_is_enough(tus: Tus, app: Flask) -> None:
    tus.create(KEY, len(DATA))

    def cut() -> Iterator[bytes]:
        yield DATA[:30_000]
        raise ConnectionResetError

    with app.app_context(), pytest.raises(ConnectionResetError):
        app.extensions["xunan_uploads"].append(begun(app).part, 0, len(DATA), cut(), None)
    assert tus.head(KEY).headers["Upload-Offset"] == "30000"
    assert tus.state(KEY) is None, "not delivered before it is complete"
    assert tus.patch(KEY, 30_000, DATA[30_000:]).status_code == 204
    assert tus.state(KEY) is not None


def test_a_wrong_offset_is_told_the_right_one(tus: Tus) -> None:
    tus.create(KEY, len(DATA))
    tus.patch(KEY, 0, DATA[:100])
    answer = tus.patch(KEY, 50, DATA[50:])
    assert (answer.status_code, code_of(answer), answer.headers["Upload-Offset"]) == (409, "offset_mismatch", "100")


def test_a_piece_that_fails_its_checksum_leaves_nothing(tus: Tus) -> None:
    tus.create(KEY, len(DATA))
    tus.patch(KEY, 0, DATA[:100])
    wrong = "sha256 " + base64.b64encode(sha256(b"something else").digest()).decode()
    answer = tus.patch(KEY, 100, DATA[100:200], Upload_Checksum=wrong)
    assert (answer.status_code, code_of(answer)) == (460, "checksum_mismatch")
    assert tus.head(KEY).headers["Upload-Offset"] == "100"
    right = "sha256 " + base64.b64encode(sha256(DATA[100:200]).digest()).decode()
    assert tus.patch(KEY, 100, DATA[100:200], Upload_Checksum=right).status_code == 204


def test_bytes_that_are_not_what_was_announced_are_set_aside_and_a_second_try_starts_clean(tus: Tus, app: Flask) -> None:
    tus.create(KEY, len(DATA))
    answer = tus.patch(KEY, 0, b"x" * len(DATA))
    assert code_of(answer) == "checksum_mismatch"
    assert tus.state(KEY) is None
    rejected = list((app.extensions["xunan"].data_dir / "rejected").iterdir())
    assert [path.read_bytes() for path in rejected] == [b"x" * len(DATA)]
    tus.create(KEY, len(DATA))
    assert tus.head(KEY).headers["Upload-Offset"] == "0"
    assert tus.upload(DATA) == KEY


def test_bytes_that_were_set_aside_do_not_fill_the_disk(tus: Tus, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.files.tus.REJECTED_BYTES_MAX", 2 * len(DATA))
    for number in range(4):
        tus.create(KEY, len(DATA))
        tus.patch(KEY, 0, bytes([number]) * len(DATA))
    rejected = sorted((app.extensions["xunan"].data_dir / "rejected").iterdir())
    assert [path.read_bytes()[0] for path in rejected] == [2, 3], "the newest are kept for a person"


def test_a_device_sends_the_same_content_once(tus: Tus) -> None:
    tus.upload(DATA)
    answer = tus.create(KEY, len(DATA))
    assert answer.status_code in (200, 201)
    assert answer.headers["Upload-Offset"] == str(len(DATA))


def test_beginning_again_goes_on_where_it_stopped(tus: Tus) -> None:
    tus.create(KEY, len(DATA))
    tus.patch(KEY, 0, DATA[:777])
    assert tus.create(KEY, len(DATA)).headers["Upload-Offset"] == "777"


def test_a_wrong_length_announced_first_blocks_nobody(tus: Tus, signed_in: SignIn) -> None:
    squatter = signed_in("stranger")
    squatter.create(KEY, len(DATA) + 5)
    squatter.patch(KEY, 0, b"x" * 10)
    assert tus.create(KEY, len(DATA)).headers["Upload-Offset"] == "0"
    assert tus.patch(KEY, 0, DATA).status_code == 204
    assert tus.state(KEY) is not None


def test_an_upload_may_be_given_up_but_a_stored_file_not(tus: Tus) -> None:
    tus.create(KEY, len(DATA))
    assert tus.call("DELETE", f"/files/{KEY}").status_code == 204
    assert tus.head(KEY).status_code == 404
    tus.upload(DATA)
    tus.call("DELETE", f"/files/{KEY}")
    assert tus.state(KEY) is not None


def test_uploads_nobody_goes_on_with_end_after_their_time(tus: Tus, app: Flask) -> None:
    tus.create(KEY, len(DATA))
    tus.patch(KEY, 0, DATA[:100])
    held: Uploads = app.extensions["xunan_uploads"]
    upload = begun(app)
    with app.app_context():
        expires = upload.expires_at
        assert expires >= now_ms() + EXPIRE_MS - 60_000
        assert held.expire(db.session(), expires - 1) == 0
        # A byte that came 20 days later.
        later = (expires - 10 * 86_400_000) / 1000
        os.utime(held.folder / f"{upload.part}.part", (later, later))
        assert held.expire(db.session(), expires + 1) == 0
        assert held.expire(db.session(), expires + 20 * 86_400_000 - 60_000) == 0
        assert held.expire(db.session(), expires + 20 * 86_400_000 + 60_000) == 1
    assert tus.head(KEY).status_code == 404
    assert not list(held.folder.iterdir())


def test_a_new_writer_takes_over_from_a_dead_one(tus: Tus, app: Flask) -> None:
    """A request that hangs must not lock the upload; when it wakes up it may not write another byte."""
    tus.create(KEY, len(DATA))
    held: Uploads = app.extensions["xunan_uploads"]
    part = begun(app).part

    def hanging() -> Iterator[bytes]:
        yield DATA[:1000]
        assert held.append(part, 1000, len(DATA), iter([DATA[1000:]]), None) == len(DATA)
        yield b"late"

    with app.app_context(), pytest.raises(ProblemError) as refused:
        held.append(part, 0, len(DATA), hanging(), None)
    assert refused.value.problem.code in ("locked", "too_large")
    assert tus.head(KEY).headers["Upload-Offset"] == str(len(DATA))
    assert tus.state(KEY) is not None


def test_two_workers_at_once_never_mix_their_bytes(tus: Tus, app: Flask) -> None:
    tus.create(KEY, len(DATA))
    held: Uploads = app.extensions["xunan_uploads"]
    part = begun(app).part
    gate = Barrier(4)

    def write(_: int) -> str:
        gate.wait()
        try:
            held.append(part, 0, len(DATA), (DATA[at : at + 512] for at in range(0, len(DATA), 512)), None)
            return "written"
        except ProblemError as error:
            return error.problem.code

    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(write, range(4)))
    assert ends.count("written") <= 1
    at = int(tus.head(KEY).headers["Upload-Offset"])
    if at < len(DATA):
        assert tus.patch(KEY, at, DATA[at:]).status_code == 204
    assert tus.state(KEY) is not None, "whatever happened, the bytes are those of the file"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Upload-Length": "-1"}, "bad_request"),
        ({"Upload-Length": "９"}, "bad_request"),
        ({"Upload-Length": str(10**15)}, "bad_request"),
        ({"Upload-Length": str(600 << 20)}, "too_large"),
        ({"Upload-Metadata": "sha256 !!!"}, "bad_request"),
        ({"Upload-Metadata": metadata(sha256="../../../etc/passwd", mime="image/jpeg", role="photo")}, "bad_request"),
        ({"Tus-Resumable": "0.2.0"}, "bad_version"),
    ],
)
def test_an_announcement_that_makes_no_sense_is_refused_in_words(tus: Tus, headers: dict[str, str], code: str) -> None:
    answer = tus.create(KEY, 10, **headers)
    assert 400 <= answer.status_code < 500
    assert code_of(answer) == code
    assert answer.json["detail_zh"]


def test_a_type_that_is_no_type_is_only_bytes(tus: Tus, app: Flask) -> None:
    tus.create(KEY, 10, **{"Upload-Metadata": metadata(sha256=KEY, mime="text/html\r\nX-Evil: 1", role="photo")})
    assert begun(app).mime == "application/octet-stream"


def test_more_bytes_than_announced_are_refused(tus: Tus) -> None:
    tus.create(KEY, 10)
    answer = tus.patch(KEY, 0, b"y" * 11)
    assert code_of(answer) == "too_large"
    assert int(tus.head(KEY).headers["Upload-Offset"]) <= 10


def test_only_who_may_read_a_record_that_names_it_may_read_a_file(tus: Tus, signed_in: SignIn, app: Flask) -> None:
    key = tus.upload(DATA)
    with app.app_context():
        drain()
    assert tus.call("GET", f"/files/{key}").status_code == 404, "no record names it yet"
    tus.attach(key)
    answer = tus.call("GET", f"/files/{key}")
    assert (answer.status_code, answer.data) == (200, DATA)
    assert signed_in("stranger").call("GET", f"/files/{key}").status_code == 404
    assert signed_in("operator").call("GET", f"/files/{key}").data == DATA
    assert answer.headers["Content-Disposition"].startswith("attachment"), "bytes that are no image are never shown in a page"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_store_that_is_down_keeps_the_bytes_and_the_next_question_completes(tus: Tus, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    held: Uploads = app.extensions["xunan_uploads"]
    tus.create(KEY, len(DATA))

    def down(_key: str, _path: Path) -> None:
        raise OSError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(held.store, "put", down)
        answer = tus.patch(KEY, 0, DATA)
        assert (answer.status_code, code_of(answer)) == (503, "unavailable")
        assert tus.state(KEY) is None
    assert tus.head(KEY).headers["Upload-Offset"] == str(len(DATA))
    assert tus.state(KEY) is not None


def test_a_full_disk_is_told_and_loses_nothing(tus: Tus, monkeypatch: pytest.MonkeyPatch) -> None:
    tus.create(KEY, len(DATA))
    tus.patch(KEY, 0, DATA[:500])
    with monkeypatch.context() as patched:
        patched.setattr("server.files.tus.FREE_BYTES_MIN", 1 << 62)
        assert code_of(tus.create(key_of(b"other"), 5)) == "storage_full"
        assert code_of(tus.patch(KEY, 500, DATA[500:])) == "storage_full", "nor does one go on that was begun while there was room"
    assert tus.patch(KEY, 500, DATA[500:]).status_code == 204
