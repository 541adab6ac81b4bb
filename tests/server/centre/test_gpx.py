"""A patrol's track as GPX 1.1: read back by a foreign program it is what the centre draws, and words of the field stay words."""

from __future__ import annotations

from datetime import UTC

import gpxpy
import pytest
from gpxpy.gpx import GPX
from sqlalchemy.orm import Session

from server.centre.gpx import export_patrol, load_patrol
from server.centre.reader import Reader
from server.centre.tables import iso
from server.centre.tracks import decode
from tests.server.centre.town import NOW_MS, PATROL
from tests.tools.chunks import packed
from tests.tools.gpx_schema import fits_the_schema

START = NOW_MS // 1000
STAMP = "数据截至 10:00 · 3 台终端有 7 条未上报"
NASTY = "东门</name><script>x</script>&xxe; ]]> \x00\x0b\ud800\ufffe =1+1"


def chunk(*seconds: int, lon: int = 24_390_000) -> bytes:
    return packed([(START + second, 6_180_000 + second, lon, 1) for second in seconds])


def exported(session: Session, reader: Reader, **values: object) -> tuple[bytes, GPX]:
    """The GPX of the town's patrol, with some of its values changed; files `a`, `b` and `d` are here, `c` is not."""
    patrol = load_patrol(session, reader, PATROL)
    assert patrol is not None
    chunks = [{"seq": n, "t0": iso((START + 100 * n) * 1000), "t1": iso((START + 100 * n + 10) * 1000), "sha256": name} for n, name in enumerate("abcd")]
    files = {"a": chunk(0, 5, 10), "b": chunk(100, 105, 110, 140), "d": chunk(300)}
    data = export_patrol(session, patrol | {"track": chunks} | values, files.get, NOW_MS, STAMP)
    fits_the_schema(data)
    return data, gpxpy.parse(data)


def test_one_segment_for_each_stretch_and_every_fix_where_and_when_it_was(session: Session, operator: Reader) -> None:
    data, found = exported(session, operator)
    [track] = found.tracks
    assert [[point.time.replace(tzinfo=UTC).timestamp() - START for point in part.points] for part in track.segments] == [[0, 5, 10], [100, 105, 110], [140], [300]]
    read = [(point.latitude, point.longitude) for part in track.segments for point in part.points]
    assert read == [(fix.lat_e7 / 1e7, fix.lon_e7 / 1e7) for fix in decode(packed([(0, 6_180_000 + second, 24_390_000, 1) for second in (0, 5, 10, 100, 105, 110, 140, 300)]))]
    assert [(point.name, point.type, iso(int(point.time.timestamp() * 1000))) for point in found.waypoints] == [("东门", "scan", iso(NOW_MS - 3_600_000))]
    assert track.name == found.name == "巡查 A-0005 第七居委会"
    assert found.description == f"{STAMP};轨迹 4 段，断点 3 处，断点不连线;1 段轨迹尚未送达或已损坏"
    assert "安全员" not in data.decode()


def test_words_of_the_field_are_text_and_never_markup(session: Session, operator: Reader) -> None:
    place = {"name": NASTY, "at": iso(NOW_MS), "method": NASTY, "point": {"lat_e7": 1, "lon_e7": 1_800_000_000}}
    data, found = exported(session, operator, code=NASTY, checkins=[{"v": place, "retracted": False}])
    said = NASTY.replace("\x00\x0b\ud800\ufffe", "")
    assert [(point.name, point.type, point.longitude) for point in found.waypoints] == [(said, said, -180.0)]
    assert found.tracks[0].name == f"巡查 {said} 第七居委会"
    assert b"<script" not in data


@pytest.mark.parametrize("point", [None, 7, {}, {"lat_e7": "1", "lon_e7": 2}, {"lat_e7": True, "lon_e7": 2}, {"lat_e7": 900_000_001, "lon_e7": 0}])
def test_a_check_in_without_a_place_and_a_track_without_a_fix_are_left_out(session: Session, operator: Reader, point: object) -> None:
    _, found = exported(session, operator, track=None, checkins=[{"v": {"name": "东门", "point": point}, "retracted": False}])
    assert found.waypoints == []
    assert found.tracks[0].segments == []


def test_times_of_1901_are_written_and_times_no_calendar_has_are_not(session: Session, operator: Reader) -> None:
    patrol = load_patrol(session, operator, PATROL)
    assert patrol is not None
    data = packed([(-2_147_483_648, 6_180_000, 24_390_000, 1), (2**39, 6_180_000, 24_390_000, 1)])
    written = export_patrol(session, patrol | {"track": [{"seq": 0, "sha256": "x"}]}, lambda _sha256: data, NOW_MS, STAMP)
    fits_the_schema(written)
    assert [[point.time and point.time.year for point in part.points] for part in gpxpy.parse(written).tracks[0].segments] == [[1901], [None]]


def test_a_head_gets_no_patrol_of_another_station_and_nobody_one_that_is_gone(session: Session, head: Reader) -> None:
    assert load_patrol(session, head, PATROL) is not None
    assert load_patrol(session, Reader("u", whole_town=False, stations=frozenset({"310199101008"})), PATROL) is None
    assert load_patrol(session, head, "0198-nobody\x00") is None
