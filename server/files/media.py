"""What is learnt from an uploaded image: is it sound, how large, when and where does it say it was taken; small versions.

Owns the Pillow job. Nothing found here is trusted: EXIF time and place are kept as data beside the device's own. A damaged,
disguised or hostile file is marked with a reason, never deleted. Limits guard against decompression bombs; no original is ever
rewritten.
"""

from __future__ import annotations

import struct
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pi_heif
from PIL import Image, ImageFile, ImageOps
from sqlalchemy.orm import Session

from server.db import unit
from server.files.models import StoredFile
from server.files.store import Store

PIXELS_MAX = 120_000_000
# Formats without reduced decoding hold every pixel in memory at once.
PIXELS_WHOLE_MAX = 60_000_000
SIZES = {"thumb": 320, "preview": 1600}
MIMES = {
    "JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "HEIF": "image/heic", "AVIF": "image/avif",
    "GIF": "image/gif", "TIFF": "image/tiff",
}  # fmt: skip
# MPO is opened by the JPEG plugin and has no opener of its own.
FORMATS = tuple(name for name in MIMES if name != "MPO")
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
DATE_ORIGINAL, OFFSET_ORIGINAL, DATE_TIME = 0x9003, 0x9011, 0x0132

# What another program would take the same bytes for: a page, a script, a document, an archive.
HEAD_BYTES, TAIL_BYTES = 1024, 65_557
FOREIGN_HEADS = (b"<!doctype html", b"<html", b"<script", b"<?php", b"<svg", b"%pdf-")
FOREIGN_TAILS = (b"</html>", b"</script>", b"<?php")
ZIP_END = b"PK\x05\x06"

pi_heif.register_heif_opener()
ImageFile.LOAD_TRUNCATED_IMAGES = False


def _degrees(parts: Any, mark: Any) -> int | None:
    """EXIF degrees, minutes, seconds as 1e-7 degree; None when they make no sense."""
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
        value = degrees + minutes / 60 + seconds / 3600
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    if value != value or abs(value) > 180:
        return None
    return round((-value if mark in ("S", "W") else value) * 10_000_000)


def read_exif(image: Image.Image) -> dict[str, Any]:
    """Time, offset, make, model and place as the file claims them; unreadable parts are left out."""
    found: dict[str, Any] = {}
    try:
        exif = image.getexif()
        detail, gps = exif.get_ifd(EXIF_IFD), exif.get_ifd(GPS_IFD)
    except (OSError, ValueError, SyntaxError, TypeError, KeyError, struct.error):
        return found
    taken = detail.get(DATE_ORIGINAL) or exif.get(DATE_TIME)
    for key, value in (("taken", taken), ("offset", detail.get(OFFSET_ORIGINAL)), ("make", exif.get(271)), ("model", exif.get(272))):
        words = "".join(char for char in value if char.isprintable()).strip() if isinstance(value, str) else ""
        if words:
            found[key] = words[:60]
    lat, lon = _degrees(gps.get(2), gps.get(1)), _degrees(gps.get(4), gps.get(3))
    # 0,0 is what cameras write when they do not know.
    if lat is not None and lon is not None and abs(lat) <= 900_000_000 and (lat, lon) != (0, 0):
        found["point"] = {"lat_e7": lat, "lon_e7": lon}
    return found


def is_disguised(source: Path) -> bool:
    """Whether an image is at the same time something a browser or an unpacker would act on (a polyglot)."""
    with source.open("rb") as handle:
        head = handle.read(HEAD_BYTES).lower()
        handle.seek(max(0, source.stat().st_size - TAIL_BYTES))
        tail = handle.read()
    end = tail.rfind(ZIP_END)
    # The end record names at least one entry: two bytes of count at offset 10.
    archive = end >= 0 and len(tail) - end >= 22 and int.from_bytes(tail[end + 10 : end + 12], "little") > 0
    lowered = tail[-4096:].lower()
    return archive or any(mark in head for mark in FOREIGN_HEADS) or any(mark in lowered for mark in FOREIGN_TAILS)


def _smalls(image: Image.Image, folder: Path) -> dict[str, Path]:
    """Small versions, each made from the next larger one; gives `image` up."""
    image = ImageOps.exif_transpose(image)
    if image.mode not in ("RGB", "RGBA"):
        image = image.convert("RGB")
    made = {}
    for name, longest in sorted(SIZES.items(), key=lambda each: -each[1]):
        image.thumbnail((longest, longest))
        made[name] = folder / f"{longest}.webp"
        image.save(made[name], "WEBP", quality=75, method=2)
    return made


def examine(source: Path, folder: Path) -> tuple[dict[str, Any], dict[str, Path]]:
    """(facts, small versions by name) of an image. Raises ValueError with a short reason when it is not sound."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(source, formats=FORMATS) as image:
                pixels = image.width * image.height
                reducible = image.format in ("JPEG", "MPO")
                if not 0 < pixels <= (PIXELS_MAX if reducible else PIXELS_WHOLE_MAX):
                    raise ValueError("dimensions")
                facts: dict[str, Any] = {"width": image.width, "height": image.height, "format": image.format}
                # JPEG decodes at a fraction of its size while still reading every byte: less memory, same verdict on damage.
                part = SIZES["preview"] / max(image.size)
                image.draft("RGB", (int(image.width * part), int(image.height * part)))
                image.load()
                # Only now: looking for EXIF in a PNG decodes it, and would swallow the error that tells of damage.
                facts["exif"] = read_exif(image)
                smalls = _smalls(image, folder)
    except ValueError as error:
        raise ValueError("dimensions" if str(error) == "dimensions" else "unreadable") from error
    except Image.DecompressionBombError as error:
        raise ValueError("bomb") from error
    except (OSError, SyntaxError, TypeError, MemoryError, EOFError, IndexError, ZeroDivisionError) as error:
        raise ValueError("unreadable") from error
    return facts, smalls


def process(session: Session, store: Store, sha256: str, at: int) -> str:
    """The media job: examine one stored file; returns its new state. Running it twice is harmless."""
    row = session.get(StoredFile, sha256)
    if row is None or not row.mime.startswith("image/"):
        session.rollback()
        return "skipped"
    session.rollback()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "source"
        with store.open(sha256) as stream, source.open("wb") as target:
            while chunk := stream.read(1 << 20):
                target.write(chunk)
        try:
            if is_disguised(source):
                raise ValueError("polyglot")
            facts, smalls = examine(source, folder)
            state, reason = "checked", None
            for variant, path in smalls.items():
                store.put(f"{sha256}.{variant}.webp", path)
        except ValueError as error:
            facts, state, reason = {}, "damaged", str(error)
    with unit(session):
        stored = session.get_one(StoredFile, sha256)
        stored.media, stored.state, stored.reason = facts or None, state, reason
        if facts:
            # What it is, not what it was called: the type is what it will be served as.
            stored.mime = MIMES[facts["format"]]
    return state
