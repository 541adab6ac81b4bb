"""Walks through the whole path of a track: the handheld's recorder and codec (TypeScript), then the centre's. Real ones from the shared folder where it is present."""

from __future__ import annotations

import gzip
import itertools
from datetime import datetime
from typing import Any

import pytest
from defusedxml.common import DefusedXmlException

from server.centre.tracks import GAP_MS, Fix, decode, leapt, walk_of
from tests.tools.evidence import SHARED
from tests.tools.walks import Recorded, Told, read_gpx, real_walks, record

T0 = 1_795_000_000_000
LAT, LON = 30.9, 121.95
# What the handheld calls a silence, and how far a second of walking north is.
SILENCE_MS, STEP = 15_000, 1.2e-5
BYTES_MAX, BYTES_GZ_MAX = 5, 3


def step(second: int, north: float | None = None, east: float | None = LON, acc: float | None = 6.0) -> Told:
    return T0 + second * 1000, LAT + second * STEP if north is None else north, east, acc


def on_foot(first: int, last: int, pace: int = 1) -> list[Told]:
    return [step(second, acc=5 + second % 4) for second in range(first, last + 1, pace)]


# Name → the walk, the reasons of its gaps as the handheld records them, and how long each line is that the centre draws.
NAN = None
MADE: dict[str, tuple[list[Told], list[str], list[int]]] = {
    "on foot": (on_foot(0, 600), [], [601]),
    "an hour at five seconds": (on_foot(0, 3600, 5), [], [721]),
    "nothing for sixteen seconds": ([*on_foot(0, 20), *on_foot(36, 40)], ["no_fix"], [21, 5]),
    "nothing for fifteen": ([*on_foot(0, 20), *on_foot(35, 40)], [], [27]),
    "400 km/h and back": ([*on_foot(0, 20), step(30, LAT + 0.01), *on_foot(40, 45)], [], [21, 1, 6]),
    "no number": ([*on_foot(0, 5), (T0 + 6000, NAN, LON, 6.0), (T0 + 7000, LAT, NAN, 6.0), step(8, acc=NAN), *on_foot(9, 12)], [], [10]),
    "zero, zero": ([*on_foot(0, 5), step(6, 0.0, 0.0), *on_foot(7, 9)], [], [9]),
    "zero, zero for twenty seconds": ([*on_foot(0, 5), *(step(n, 0.0, 0.0) for n in range(6, 26)), *on_foot(26, 30)], ["no_fix"], [6, 5]),
    "off the earth": ([*on_foot(0, 5), step(6, 91.0), step(7, east=180.1), *on_foot(8, 9)], [], [8]),
    "too inaccurate": ([*on_foot(0, 5), *(step(n, acc=101) for n in range(6, 12)), *on_foot(12, 14)], [], [9]),
    # The receiver lives, so the handheld records no silence; the centre all the same draws no line over it.
    "too inaccurate for a minute": ([*on_foot(0, 5), *(step(n, acc=101) for n in range(6, 66)), *on_foot(66, 70)], [], [6, 5]),
    "accurate to less than nothing": ([*on_foot(0, 3), step(4, acc=-3.0), *on_foot(5, 6)], [], [6]),
    "a clock set back to 1901 and right again": (
        [*on_foot(0, 5), *((-2_147_483_648_000 + n * 1000, LAT, LON, 6.0) for n in range(5)), *on_foot(12, 15)],
        ["clock", "no_fix"], [6, 5, 4],
    ),
    "an hour twice": ([*on_foot(0, 3600, 10), *((T0 + n * 1000, LAT + 0.05, LON, 6.0) for n in range(0, 600, 10))], ["clock"], [361, 60]),
    "out of order by moments": ([step(0), step(2), step(1), step(3), step(3), step(5)], [], [5]),
}  # fmt: skip


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[list[Told], Recorded]]:
    """Every walk, made and real, through the handheld's recorder."""
    walks = {name: walk for name, (walk, _, _) in MADE.items()} | dict(real_walks())
    made = record(list(walks.values()), tmp_path_factory.mktemp("walker"))
    return {name: (walk, each) for (name, walk), each in zip(walks.items(), made, strict=True)}


def fix_of(drawn: dict[str, Any]) -> tuple[int, int, int, int]:
    return drawn["t"], drawn["lat_e7"], drawn["lon_e7"], drawn["acc_dm"]


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize("name", MADE)
def test_a_made_walk_is_cut_where_it_must_be_and_nowhere_else(recorded: dict[str, tuple[list[Told], Recorded]], name: str) -> None:
    _, gaps, lines = MADE[name]
    made = recorded[name][1]
    assert [gap["reason"] for gap in made.gaps] == gaps
    assert [len(part) for part in walk_of(made.patrol, made.files.get).parts] == lines
    assert made.segments == lines, "the handheld draws what the centre draws"


def test_both_languages_read_the_same_fixes_in_every_chunk(recorded: dict[str, tuple[list[Told], Recorded]]) -> None:
    for name, (_, made) in recorded.items():
        kept = [fix for chunk in made.chunks for fix in decode(bytes.fromhex(chunk["hex"]))]
        assert [(fix.t_ms, fix.lat_e7, fix.lon_e7, fix.acc_dm) for fix in kept] == [fix_of(one) for chunk in made.chunks for one in chunk["decoded"]], name
        assert [chunk["again"] for chunk in made.chunks] == [chunk["hex"] for chunk in made.chunks], name
        assert [chunk["seq"] for chunk in made.chunks] == list(range(len(made.chunks)))
        # Nothing that was drawn is missing, and each lies within half a step of what was drawn.
        for fix, drawn in zip(kept, made.drawn, strict=True):
            away = (fix.t_ms - drawn["t"], fix.lat_e7 - drawn["lat_e7"], fix.lon_e7 - drawn["lon_e7"], fix.acc_dm - drawn["acc_dm"])
            assert all(abs(off) <= most for off, most in zip(away, (500, 25, 25, 25), strict=True)), (name, away)


def test_nobody_draws_a_line_over_what_nobody_knows(recorded: dict[str, tuple[list[Told], Recorded]]) -> None:
    """Every fix is drawn once; between two that are joined lies no gap, no leap, no step back in time."""
    for name, (_, made) in recorded.items():
        parts = walk_of(made.patrol, made.files.get).parts
        assert sum(map(len, parts)) == len(made.drawn) == sum(made.segments), name
        gaps = [(ms(gap["from"]), ms(gap["to"])) for gap in made.gaps]
        joined = [pair for part in parts for pair in itertools.pairwise(part)]
        for before, after in joined:
            assert 0 <= after.t_ms - before.t_ms <= GAP_MS, name
            assert not leapt(before, after), name
            assert not any(before.t_ms <= (start + end) / 2 <= after.t_ms for start, end in gaps if end >= start), name
        ends = set(itertools.accumulate(made.segments))
        for n, (before, after) in enumerate(itertools.pairwise(made.drawn), start=1):
            if not 0 <= after["t"] - before["t"] <= SILENCE_MS or leapt(Fix(*fix_of(before)), Fix(*fix_of(after))):
                assert n in ends, f"{name}: the handheld joins {before} and {after}"


def test_what_is_refused_is_no_place_too_inaccurate_or_a_moment_told_before(recorded: dict[str, tuple[list[Told], Recorded]]) -> None:
    """Every other fix of every walk is kept."""
    for name, (walk, made) in recorded.items():
        now, last, kept = next((t for t, *_ in walk if t is not None), 0), None, 0
        for t, north, east, acc in walk:
            now = t if t is not None else now + 1000
            is_place = north is not None and east is not None and acc is not None and abs(north) <= 90 and abs(east) <= 180 and acc >= 0 and (north or east)
            if not is_place or (last is not None and 0 < last - now <= SILENCE_MS):
                continue
            last = now
            assert acc is not None
            kept += acc <= 100
        assert len(made.drawn) == kept, name


def test_a_point_costs_no_more_than_was_promised(recorded: dict[str, tuple[list[Told], Recorded]]) -> None:
    """On foot at one and at five seconds, and over the real tracks of a person's days (Geolife); not for a file of a few lone points."""
    walked = [["on foot"], ["an hour at five seconds"], [name for name in recorded if "demodata" in name]]
    for names in filter(None, walked):
        chunks = [data for name in names for data in recorded[name][1].files.values()]
        points = sum(len(recorded[name][1].drawn) for name in names)
        raw, packed = len(b"".join(chunks)) / points, len(gzip.compress(b"".join(chunks))) / points
        print(f"{names[0]}: {points} points, {raw:.2f} B, {packed:.2f} B compressed")
        assert raw <= BYTES_MAX
        assert packed <= BYTES_GZ_MAX


@pytest.mark.parametrize("bomb", [
    '<!ENTITY a "x"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">', '<!ENTITY a SYSTEM "file:///dev/null">', '<!ENTITY % a SYSTEM "http://127.0.0.1:9/x">%a;', "",
])  # fmt: skip
def test_no_entity_of_a_file_is_ever_expanded(bomb: str) -> None:
    text = f'<?xml version="1.0"?><!DOCTYPE gpx [{bomb}]><gpx version="1.1" creator="x"><trk><trkseg><trkpt lat="1" lon="2"/></trkseg></trk></gpx>'
    with pytest.raises(DefusedXmlException):
        read_gpx(text.encode())
    assert read_gpx(text.replace(f"<!DOCTYPE gpx [{bomb}]>", "").encode()) == [(None, 1.0, 2.0, 8.0)]


def test_the_shared_tracks_are_led_where_they_are_present(recorded: dict[str, tuple[list[Told], Recorded]]) -> None:
    files = [*(SHARED / "tracks").rglob("*.gpx")]
    assert {path.name for path in files} <= set(recorded)
    assert not files or sum(len(walk) for walk, _ in recorded.values()) > 5_000
