"""Real inputs of the story: fixes of a real GPX file and real photos when the shared folder is beside the checkout, else made ones."""

from __future__ import annotations

from pathlib import Path

import gpxpy
from PIL import Image

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
TRACK = SHARED / "tracks" / "gpxpy" / "korita-zbevnica.gpx"
PHOTOS = ("exif-samples/DSCN0010.jpg", "exif-samples/landscape_6.jpg", "exif-samples/DSCN0021.jpg")


def fixes(count: int) -> list[tuple[float, float]]:
    """(latitude, longitude) of the first points of a walk."""
    if TRACK.exists():
        points = [p for track in gpxpy.parse(TRACK.read_text()).tracks for segment in track.segments for p in segment.points]
        return [(point.latitude, point.longitude) for point in points[:count]]
    return [(30.9 + 0.0001 * step, 121.95 + 0.00012 * step) for step in range(count)]


def photo(number: int, folder: Path) -> Path:
    """Path of a JPEG."""
    path = SHARED / "photos" / PHOTOS[number % len(PHOTOS)]
    if path.exists():
        return path
    made = folder / f"photo{number}.jpg"
    Image.effect_noise((1600, 1200), 40 + number).convert("RGB").save(made, quality=90)
    return made
