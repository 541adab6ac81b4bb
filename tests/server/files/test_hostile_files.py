"""Files nobody should have sent: each ends stored as it came, told what it is, and is never something a browser acts on."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from flask import Flask
from PIL import Image

from server.files.routes import SHOWN
from tests.server.edge.people import Person
from tests.server.files.test_media import claims, examined, jpeg
from tests.server.files.tus_client import Tus, key_of
from tests.tools.evidence import SHARED

ENTITIES = b'<?xml version="1.0"?><!DOCTYPE gpx [<!ENTITY a "aaaaaaaaaa">' + b"".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">'.encode() for n in range(9)
) + b"]><gpx><trk><name>&j;</name></trk></gpx>"


def png(width: int, height: int) -> bytes:
    """A small file that says it is large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(width) * 100)) + chunk(b"IEND", b"")


def webp(width: int, height: int) -> bytes:
    """The head of a lossless WebP of that size, and nothing behind it."""
    body = b"VP8L" + struct.pack("<I", 10) + b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(5)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil.jpg", data)
    return out.getvalue()


def gif() -> bytes:
    out = io.BytesIO()
    Image.new("P", (8, 8)).save(out, "GIF")
    return out.getvalue()


# What came, as what it was announced, and what may become of it.
FILES: dict[str, tuple[bytes, str, tuple[str, ...]]] = {
    "nothing": (b"", "image/jpeg", ("damaged",)),
    "zip as jpeg": (zipped(b"x" * 50_000), "image/jpeg", ("damaged",)),
    "zip bomb as jpeg": (zipped(bytes(20_000_000)), "image/jpeg", ("damaged",)),
    "gzip as png": (zlib.compress(bytes(5_000_000)), "image/png", ("damaged",)),
    "jpeg and zip": (jpeg((64, 48)) + zipped(b"x"), "image/jpeg", ("damaged",)),
    "gif and script": (b"GIF89a=1;alert(1)//" + gif()[6:], "image/gif", ("damaged",)),
    "jpeg and page": (jpeg((64, 48))[:2] + b"\xff\xfe\x00\x2c<html><script>alert(document.domain)</script>   " + jpeg((64, 48))[2:], "image/jpeg", ("damaged",)),
    "page": (b"<html><script>alert(1)</script>", "text/html", ("stored",)),
    "page as jpeg": (b"<html><script>alert(1)</script>", "image/jpeg", ("damaged",)),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "image/svg+xml", ("damaged",)),
    "png of 900 million points": (png(30_000, 30_000), "image/png", ("damaged",)),
    "webp of 268 million points": (webp(16_383, 16_383), "image/webp", ("damaged",)),
    "track that grows": (ENTITIES, "application/gpx+xml", ("stored",)),
    "truncated": (jpeg((640, 480))[:9_000], "image/jpeg", ("damaged",)),
    "taken in 1901": (jpeg((64, 48), claims(31.0, 121.5, "1901:12:13 20:45:52")), "image/jpeg", ("checked",)),
    "taken in 2099": (jpeg((64, 48), claims(0.0, 0.0, "2099:01:01 00:00:00")), "image/jpeg", ("checked",)),
    "off the earth": (jpeg((64, 48), claims(179.0, 999.0, "x" * 500)), "image/jpeg", ("checked",)),
    "type that is none": (b"x", 'text/html;x="\r\nSet-Cookie: a=b', ("stored",)),
}


def served_as_bytes(tus: Tus, key: str, data: bytes) -> None:
    """It can be had, byte for byte, and never as a page or a program."""
    tus.attach(key)
    answer = tus.call("GET", f"/files/{key}", buffered=True)
    assert answer.data == data
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    shown = answer.headers["Content-Disposition"] == "inline"
    assert answer.mimetype in SHOWN if shown else answer.mimetype == "application/octet-stream"
    assert shown or answer.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("what", FILES)
def test_a_hostile_file_is_stored_and_told_and_harmless(tus: Tus, app: Flask, what: str) -> None:
    data, mime, states = FILES[what]
    row = examined(tus, app, data, mime)
    assert row.state in states, (row.state, row.reason)
    assert (row.reason is None) == (row.state != "damaged")
    point = ((row.media or {}).get("exif") or {}).get("point")
    assert point is None or abs(point["lat_e7"]) <= 900_000_000
    served_as_bytes(tus, row.sha256, data)


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_every_file_of_the_shared_folder_ends_stored_and_told(tus: Tus, app: Flask, tmp_path: Path) -> None:
    """All photos and tracks where the folder is present, and a made one: none is refused, none makes the job fail, all are served as bytes."""
    (tmp_path / "made.jpg").write_bytes(jpeg())
    paths = [tmp_path / "made.jpg", *(path for name in ("photos", "tracks") for path in sorted((SHARED / name).rglob("*")) if path.is_file())]
    states = set()
    for path in paths:
        data = path.read_bytes()
        mime = "image/jpeg" if path.suffix != ".gpx" else "application/gpx+xml"
        row = examined(tus, app, data, mime)
        states.add(row.state)
        assert row.state in ("checked", "damaged") if mime == "image/jpeg" else row.state == "stored", path.name
        served_as_bytes(tus, row.sha256, data)
    assert "checked" in states


def test_bytes_that_are_not_their_hash_are_set_aside_and_the_right_ones_still_come(person: Person, app: Flask) -> None:
    tus, data = Tus(person("patroller")), b"the right bytes"
    key = key_of(data)
    tus.create(key, len(data))
    refused = tus.patch(key, 0, b"the wrong bytes")
    assert (refused.status_code, refused.json["code"]) == (460, "checksum_mismatch")
    assert [path.read_bytes() for path in (app.extensions["xunan"].data_dir / "rejected").iterdir()] == [b"the wrong bytes"]
    assert tus.upload(data) == key
    assert tus.state(key) == "stored"


def test_gzip_is_no_way_to_make_an_upload_larger(person: Person) -> None:
    """An upload is bytes: a packed body counts as it comes, whatever its header says."""
    tus, bomb = Tus(person("patroller")), zlib.compress(bytes(1_000_000))
    key = key_of(bomb)
    tus.create(key, len(bomb))
    assert tus.patch(key, 0, bomb, Content_Encoding="gzip").status_code == 204
    assert tus.state(key) == "stored"
