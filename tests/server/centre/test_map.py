"""The map: layers within scope, people never drawn, tracks never joined across a gap."""

from __future__ import annotations

import orjson
from sqlalchemy.orm import Session

from server.centre.layers import LAYERS, map_layers
from server.centre.reader import Reader
from server.centre.tables import iso
from server.centre.tracks import Fix, decode, segments, track_features
from tests.server.centre.town import CELL, ELSEWHERE, MAJOR, NOW_MS, PATROL, SHELTER


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


def varint(value: int) -> bytes:
    """Zig-zag LEB128, as the handheld writes it."""
    rest = value * 2 if value >= 0 else -value * 2 - 1
    out = bytearray()
    while rest >= 128:
        out.append(rest % 128 + 128)
        rest //= 128
    out.append(rest)
    return bytes(out)


def chunk(*seconds: int) -> bytes:
    """A chunk with a fix at each second, walking north."""
    out, last = bytearray(b"XT1" + varint(len(seconds))), (0, 0, 0, 0)
    for index, second in enumerate(seconds):
        point = (NOW_MS // 1000 + second, 6_180_000 + index, 24_390_000, 1)
        for new, old in zip(point, last, strict=True):
            out += varint(new - old)
        last = point
    return bytes(out)


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
