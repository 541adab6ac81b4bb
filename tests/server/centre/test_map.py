"""The map: layers within scope, people never drawn, tracks never joined across a gap."""

from __future__ import annotations

import orjson
import pytest
from sqlalchemy.orm import Session

from server.centre.layers import LAYERS, map_layers
from server.centre.reader import Reader
from server.centre.tables import iso
from server.centre.tracks import BadTrack, Fix, decode, segments, track_features
from tests.server.centre.town import CELL, ELSEWHERE, MAJOR, NOW_MS, PATROL, SHELTER
from tests.tools.chunks import packed


def no_file(_sha256: str) -> bytes | None:
    """A store that holds nothing."""
    return None


def test_layers_are_feature_collections_with_bounds(session: Session, operator: Reader) -> None:
    found = map_layers(session, operator, LAYERS, NOW_MS, no_file)
    assert [each["id"] for each in found["layers"]["grid"]["features"]] == [CELL]
    assert [each["id"] for each in found["layers"]["shelters"]["features"]] == [SHELTER]
    assert [each["id"] for each in found["layers"]["hazards"]["features"]] == [MAJOR]
    south, west, north, east = found["bounds"]
    assert 30 < south <= north < 31
    assert 121 < west <= east < 122


def test_people_are_never_a_layer(session: Session, operator: Reader) -> None:
    text = orjson.dumps(map_layers(session, operator, (*LAYERS, "person", "people"), NOW_MS, no_file)).decode()
    assert "person" not in text


def test_a_head_sees_no_hazard_of_another_station_on_the_map(session: Session, head: Reader) -> None:
    found = map_layers(session, head, ("hazards",), NOW_MS, no_file, everything=True)
    assert ELSEWHERE not in {each["id"] for each in found["layers"]["hazards"]["features"]}


def test_check_ins_are_drawn_even_when_the_track_has_not_arrived(session: Session, operator: Reader) -> None:
    features = map_layers(session, operator, ("tracks",), NOW_MS, no_file)["layers"]["tracks"]["features"]
    assert [(each["id"], each["properties"]["what"], each["properties"]["name"]) for each in features] == [
        (PATROL, "checkin", "东门")
    ]


def test_fixes_further_apart_than_fifteen_seconds_are_never_joined() -> None:
    fixes = [Fix(0, 1, 1), Fix(5_000, 2, 2), Fix(25_000, 3, 3), Fix(30_000, 4, 4)]
    assert [len(part) for part in segments(fixes)] == [2, 2]


def test_time_running_backwards_starts_a_new_segment() -> None:
    assert [len(part) for part in segments([Fix(10_000, 1, 1), Fix(9_000, 2, 2)])] == [1, 1]


def test_damaged_chunks_are_a_gap_not_an_error() -> None:
    patrol = {"id": "p", "track": [{"seq": 1, "sha256": "x"}], "gaps": []}
    assert track_features(patrol, lambda _sha256: b"not a track") == []


def chunk(*seconds: int) -> bytes:
    """A chunk with a fix at each second, walking north."""
    return packed([(NOW_MS // 1000 + second, 6_180_000 + index, 24_390_000, 1) for index, second in enumerate(seconds)])


def test_a_chunk_of_the_handheld_is_decoded() -> None:
    fixes = decode(chunk(0, 5))
    assert [(fix.t_ms - fixes[0].t_ms, fix.lat_e7, fix.lon_e7, fix.acc_dm) for fix in fixes] == [
        (0, 309_000_000, 1_219_500_000, 50), (5000, 309_000_050, 1_219_500_000, 50),
    ]  # fmt: skip


def test_a_gap_is_its_own_feature_with_the_reason_the_device_wrote() -> None:
    start = NOW_MS // 1000 * 1000
    gap = {"from": iso(start + 5000), "to": iso(start + 60_000), "reason": "hidden"}
    patrol = {"id": "p", "track": [{"seq": 0, "sha256": "x"}], "gaps": [{"v": gap, "retracted": False}]}
    features = track_features(patrol, lambda _sha256: chunk(0, 5, 60, 65))
    assert [each["properties"]["what"] for each in features] == ["walked", "walked", "gap"]
    assert features[2]["properties"]["reason"] == "hidden"
    assert features[2]["geometry"]["type"] == "MultiPoint"


def test_a_missing_chunk_shows_as_a_gap_that_has_not_arrived() -> None:
    files = {"a": chunk(0, 5), "c": chunk(100, 105)}
    patrol = {"id": "p", "track": [{"seq": n, "sha256": name} for n, name in enumerate("abc")], "gaps": None}
    features = track_features(patrol, files.get)
    assert features[-1]["properties"]["reason"] == "chunk_missing"


def test_a_leap_no_patrol_can_make_is_a_gap() -> None:
    """400 km/h for ten seconds: eleven hundred metres."""
    start = NOW_MS // 1000
    walked = [(start + second, 6_180_000 + second, 24_390_000, 1) for second in (0, 5)]
    elsewhere = [(start + second, 6_182_000 + second, 24_390_000, 1) for second in (15, 20)]
    features = track_features({"id": "p", "track": [{"seq": 0, "sha256": "x"}], "gaps": []}, lambda _sha256: packed(walked + elsewhere))
    assert [(each["properties"]["what"], each["properties"].get("reason")) for each in features] == [("walked", None), ("walked", None), ("gap", "leapt")]


@pytest.mark.parametrize("point", [(0, 18_000_001, 0, 1), (0, 0, -36_000_001, 1), (2**62, 0, 0, 1), (0, 0, 0, -1), (2**63, 2**63, 2**63, 2**63)])
def test_a_chunk_that_is_nowhere_on_earth_is_damaged(point: tuple[int, int, int, int]) -> None:
    with pytest.raises(BadTrack):
        decode(packed([point]))


def test_times_before_any_receiver_are_kept_and_joined_to_nothing() -> None:
    features = track_features({"id": "p", "track": [{"seq": 0, "sha256": "x"}]}, lambda _sha256: packed([(-2_147_483_648, 6_180_000, 24_390_000, 1), (NOW_MS // 1000, 6_180_000, 24_390_000, 1)]))
    assert [each["properties"]["what"] for each in features] == ["walked", "walked", "gap"]


def reasons(gaps: list[dict[str, str]], **files: bytes) -> list[tuple[int, str]]:
    """How many fixes lie before each gap of a patrol with these chunks, and why it is one."""
    named = [{"seq": n, "t0": iso(NOW_MS + 10_000 * n), "t1": iso(NOW_MS + 10_000 * n + 5_000), "sha256": name} for n, name in enumerate("abc")]
    patrol = {"id": "p", "track": named, "gaps": [{"v": gap, "retracted": False} for gap in gaps]}
    features = track_features(patrol, files.get)
    walked = [each["properties"]["count"] for each in features if each["properties"]["what"] == "walked"]
    return [(walked[n], each["properties"]["reason"]) for n, each in enumerate(each for each in features if each["properties"]["what"] == "gap")]


def test_a_short_pause_and_a_short_chunk_that_is_missing_cut_the_line_too() -> None:
    """Both are shorter than the silence that cuts by itself."""
    pause = {"from": iso(NOW_MS + 6_000), "to": iso(NOW_MS + 9_000), "reason": "paused"}
    whole = {"a": chunk(0, 5), "b": chunk(10, 15), "c": chunk(20, 25)}
    assert reasons([], **whole) == []
    assert reasons([pause], **whole) == [(2, "paused")]
    assert reasons([], a=chunk(0, 5), c=chunk(20, 21)) == [(2, "chunk_missing")]


def test_of_two_silences_that_adjoin_each_gap_has_the_reason_of_its_own() -> None:
    """A log is not kept in the order of time."""
    gaps = [
        {"from": iso(NOW_MS + 40_000), "to": iso(NOW_MS + 80_000), "reason": "killed"},
        {"from": iso(NOW_MS + 5_000), "to": iso(NOW_MS + 40_000), "reason": "hidden"},
    ]
    assert reasons(gaps, a=chunk(0, 5, 40, 80), b=chunk(81), c=chunk(82)) == [(2, "hidden"), (1, "killed")]


def test_a_clock_set_back_cuts_the_line_and_loses_no_fix() -> None:
    gap = {"from": iso(NOW_MS + 5_000), "to": iso(NOW_MS - 3_600_000), "reason": "clock"}
    assert reasons([gap], a=chunk(0, 5), b=chunk(-3600, -3595), c=chunk(-3590, -3585)) == [(2, "clock")]


def test_an_old_chunk_at_zero_zero_draws_nothing_there() -> None:
    start = NOW_MS // 1000
    data = packed([(start, 6_180_000, 24_390_000, 1), (start + 2, 0, 0, 1), (start + 4, 6_180_001, 24_390_000, 1)])
    [line] = track_features({"id": "p", "track": [{"seq": 0, "sha256": "x"}]}, lambda _sha256: data)
    assert line["properties"]["count"] == 2
