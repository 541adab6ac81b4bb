"""The image job: what is learnt is data, never believed; what is broken, disguised or hostile is marked and kept."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import pillow_heif
import pytest
from flask import Flask
from PIL import Image

from server.db import db
from server.files.media import PIXELS_MAX, process
from server.files.models import StoredFile
from server.jobs import drain
from tests.server.files.tus_client import Tus

GPS, EXIF = 0x8825, 0x8769


def jpeg(size: tuple[int, int] = (640, 480), exif: Image.Exif | None = None) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(out, "JPEG", quality=80, **({"exif": exif} if exif is not None else {}))
    return out.getvalue()


def claims(lat: float, lon: float, taken: str) -> Image.Exif:
    exif = Image.Exif()
    exif.get_ifd(EXIF)[0x9003] = taken
    exif.get_ifd(GPS).update({1: "N", 2: (lat, 0.0, 0.0), 3: "E", 4: (lon, 0.0, 0.0)})
    return exif


def examined(tus: Tus, app: Flask, data: bytes, mime: str = "image/jpeg") -> StoredFile:
    """Upload, run the job, and give what is known."""
    key = tus.upload(data, mime)
    with app.app_context():
        drain()
        row = db.session.get_one(StoredFile, key)
        db.session.expunge(row)
        db.session.rollback()
        with app.extensions["xunan_uploads"].store.open(key) as stream:
            assert stream.read() == data, "an original is never rewritten"
    return row


def test_a_photo_gets_its_facts_and_small_versions(tus: Tus, app: Flask) -> None:
    row = examined(tus, app, jpeg((2000, 1500), claims(31.0, 121.5, "2026:06:01 08:00:00")))
    assert row.state == "checked"
    assert (row.media["width"], row.media["height"]) == (2000, 1500)
    assert row.media["exif"]["taken"] == "2026:06:01 08:00:00"
    assert row.media["exif"]["point"] == {"lat_e7": 310_000_000, "lon_e7": 1_215_000_000}
    tus.attach(row.sha256)
    for variant, longest in (("thumb", 320), ("preview", 1600)):
        answer = tus.call("GET", f"/files/{row.sha256}?variant={variant}")
        assert answer.mimetype == "image/webp"
        with Image.open(io.BytesIO(answer.data)) as small:
            assert max(small.size) == longest
            assert not small.getexif(), "a small version carries no place and no time"


def test_the_small_version_stands_upright(tus: Tus, app: Flask) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    row = examined(tus, app, jpeg((640, 480), exif))
    tus.attach(row.sha256)
    with Image.open(io.BytesIO(tus.call("GET", f"/files/{row.sha256}?variant=thumb").data)) as small:
        assert small.height > small.width


def test_a_camera_that_does_not_know_where_it_is_claims_no_place(tus: Tus, app: Flask) -> None:
    assert "point" not in examined(tus, app, jpeg(exif=claims(0.0, 0.0, "2099:01:01 00:00:00"))).media["exif"]


def test_a_truncated_photo_is_marked_and_kept(tus: Tus, app: Flask) -> None:
    whole = jpeg()
    row = examined(tus, app, whole[: len(whole) // 2])
    assert (row.state, row.reason) == ("damaged", "unreadable")


def test_an_archive_called_a_photo_is_marked(tus: Tus, app: Flask) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("photo.jpg", jpeg())
    assert examined(tus, app, out.getvalue()).state == "damaged"


@pytest.mark.parametrize("tail", [b"<script>alert(1)</script>", b"<?php system($_GET[0]);"])
def test_a_photo_that_is_also_a_script_is_never_shown(tus: Tus, app: Flask, tail: bytes) -> None:
    row = examined(tus, app, jpeg() + tail)
    assert (row.state, row.reason) == ("damaged", "polyglot")
    tus.attach(row.sha256)
    assert tus.call("GET", f"/files/{row.sha256}").mimetype == "application/octet-stream"


def test_a_bomb_is_refused_before_it_is_unpacked(tus: Tus, app: Flask) -> None:
    side = int(PIXELS_MAX**0.5) * 4
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    row = examined(tus, app, png, "image/png")
    assert row.state == "damaged"
    assert row.reason in ("bomb", "dimensions")


def test_heic_is_accepted(tus: Tus, app: Flask) -> None:
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.effect_noise((320, 240), 40).convert("RGB")).save(out)
    row = examined(tus, app, out.getvalue(), "image/heic")
    assert (row.state, row.mime) == ("checked", "image/heic")


def test_what_is_no_image_is_left_alone(tus: Tus, app: Flask) -> None:
    assert examined(tus, app, b"%PDF-1.4 nothing", "application/pdf").state == "stored"


def test_the_job_may_run_twice(tus: Tus, app: Flask) -> None:
    row = examined(tus, app, jpeg())
    with app.app_context():
        assert process(db.session(), app.extensions["xunan_uploads"].store, row.sha256, row.stored_at) == "checked"
