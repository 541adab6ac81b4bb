"""Walks led through the product's own TypeScript recorder, and the real tracks to lead: the shared GPX and CSV files, read as a hostile file is.

Owns the Node process (`pwa/tests/walker.ts`, bundled) and the reading; holds no assertion.
"""

from __future__ import annotations

import csv
import itertools
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gpxpy
import orjson
from defusedxml.ElementTree import fromstring

from tests.tools.evidence import SHARED

PWA = Path(__file__).parents[2] / "pwa"
ACCURACY_M = 8.0
# Device time in ms or None, degrees north, degrees east, accuracy in metres; None is what is not a number.
Told = tuple[int | None, float | None, float | None, float | None]


@dataclass(frozen=True)
class Recorded:
    """What the recorder made of one walk: fixes it drew, how long each line is, gaps, and chunks with their bytes and what it reads in them."""

    drawn: list[dict[str, int]]
    segments: list[int]
    gaps: list[dict[str, str]]
    chunks: list[dict[str, Any]]

    @property
    def files(self) -> dict[str, bytes]:
        """The bytes of the chunks by a name that stands for their hash."""
        return {str(chunk["seq"]): bytes.fromhex(chunk["hex"]) for chunk in self.chunks}

    @property
    def patrol(self) -> dict[str, Any]:
        """The record the handheld would have written, as the centre reads it."""
        named = [{name: chunk[name] for name in ("seq", "t0", "t1", "count")} | {"sha256": str(chunk["seq"])} for chunk in self.chunks]
        return {"id": "p", "track": named, "gaps": [{"v": gap, "retracted": False} for gap in self.gaps]}


def record(walks: list[list[Told]], folder: Path) -> list[Recorded]:
    """Each walk through a recorder of its own; `folder` takes the bundle."""
    bundle = folder / "walker.mjs"
    subprocess.run(
        [PWA / "node_modules/.bin/rolldown", "tests/walker.ts", "--platform", "node", "--format", "esm", "-o", bundle],
        cwd=PWA, check=True, capture_output=True,
    )  # fmt: skip
    lines = b"".join(orjson.dumps(walk) + b"\n" for walk in walks)
    said = subprocess.run(["node", bundle], input=lines, capture_output=True, check=True).stdout.splitlines()
    return [Recorded(**orjson.loads(line)) for line in said]


def read_gpx(data: bytes) -> list[Told]:
    """The points of a GPX file in their order. Raises defusedxml's error for a DTD or an entity, gpxpy's for what is no GPX."""
    fromstring(data, forbid_dtd=True)
    found = gpxpy.parse(data)
    points = (point for track in found.tracks for segment in track.segments for point in segment.points)
    return [(None if each.time is None else ms(each.time), each.latitude, each.longitude, ACCURACY_M) for each in points]


def ms(time: datetime) -> int:
    """UTC ms; a time without an offset is UTC."""
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)


def real_walks() -> Iterator[tuple[str, list[Told]]]:
    """(name, points) of every shared track; nothing where the folder is not beside the checkout."""
    for path in sorted((SHARED / "tracks").rglob("*.gpx")):
        yield path.name, read_gpx(path.read_bytes())
    for path in sorted((SHARED / "tracks").glob("*demodata.csv")):
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter=";"))
        for name, part in itertools.groupby(rows, lambda row: row["trajectory_id"]):
            yield f"{path.name} {name}", [(ms(datetime.fromisoformat(row["t"])), float(row["Y"]), float(row["X"]), ACCURACY_M) for row in part]
