"""Patrol tracks for the map and for export: chunks of fixes decoded into segments that never cross a gap.

Owns the decoding of track chunks (written by pwa/src/device/track_codec.ts) and the cutting into segments.
Invariants: two fixes further apart in time than GAP_MS, or further in space than anybody gets in that time, are never joined, nor are those
with a recorded gap or pause, a missing chunk or a clock set back between them; a missing or damaged chunk is a gap with its reason, not an
error; recorded gaps and pauses are given with the reason the device wrote.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.centre.tables import entries_of

# The device records a gap after 15 s of silence; times are rounded to whole seconds, hence one more.
GAP_MS = 16_000
STEP_T_MS, STEP_DEG_E7, STEP_ACC_DM = 1000, 50, 50
# 250 km/h: no patrol, by car or by boat. What comes faster is a receiver that leapt, or a forged fix (also in pwa/src/device/track.ts).
SPEED_MAX_M_S = 70
METRES_PER_DEGREE = 111_320
LAT_MAX_E7, LON_MAX_E7, T_MAX_S = 900_000_000, 1_800_000_000, 2**40
POINTS_MAX = 200_000
MAGIC = b"XT1"


@dataclass(frozen=True, slots=True)
class Fix:
    """One position: UTC ms, WGS-84 in 1e-7 degree, accuracy in decimetres (0 = not given)."""

    t_ms: int
    lat_e7: int
    lon_e7: int
    acc_dm: int = 0


class BadTrack(ValueError):
    """The bytes are not a track chunk."""


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise BadTrack("truncated")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _signed(value: int) -> int:
    return (value >> 1) ^ -(value & 1)


def decode(data: bytes) -> list[Fix]:
    """Decode one chunk of the format in pwa/src/device/track_codec.ts. Raises BadTrack on anything else."""
    if not data.startswith(MAGIC):
        raise BadTrack("not a track chunk")
    raw, at = _varint(data, len(MAGIC))
    count = _signed(raw)
    if not 0 <= count <= POINTS_MAX:
        raise BadTrack("count")
    point = [0, 0, 0, 0]
    fixes: list[Fix] = []
    for _ in range(count):
        for index in range(4):
            raw, at = _varint(data, at)
            point[index] += _signed(raw)
        t, lat, lon, acc = point
        if abs(lat) * STEP_DEG_E7 > LAT_MAX_E7 or abs(lon) * STEP_DEG_E7 > LON_MAX_E7 or abs(t) > T_MAX_S or acc < 0:
            raise BadTrack("nowhere")
        fixes.append(Fix(t * STEP_T_MS, lat * STEP_DEG_E7, lon * STEP_DEG_E7, acc * STEP_ACC_DM))
    return fixes


def leapt(before: Fix, fix: Fix) -> bool:
    """Whether nobody gets from one to the other in that time, whatever the receiver's error and the rounding of times are taken for."""
    north = (fix.lat_e7 - before.lat_e7) / 1e7
    east = (fix.lon_e7 - before.lon_e7) / 1e7 * math.cos(math.radians(fix.lat_e7 / 1e7))
    metres = math.hypot(north, east) * METRES_PER_DEGREE - (before.acc_dm + fix.acc_dm) / 10
    return metres > SPEED_MAX_M_S * ((fix.t_ms - before.t_ms) / 1000 + 1)


@dataclass(frozen=True, slots=True)
class Silence:
    """A stretch nobody knows: as the device recorded it, or as a chunk that is not here leaves it. UTC ms; it may not have ended."""

    from_ms: int
    to_ms: float
    reason: str | None

    def shared(self, t0: int, t1: int) -> float:
        """How much of it lies in that stretch, in ms; less than 0 when it lies elsewhere."""
        return min(self.to_ms, t1) - max(self.from_ms, t0)


@dataclass(frozen=True, slots=True)
class Walk:
    """What is known of one patrol's way: uninterrupted parts, what is known of the silences, and how many chunks cannot be read."""

    parts: list[list[Fix]]
    silences: list[Silence]
    missing: int

    def reason(self, before: Fix, after: Fix) -> str:
        """Why the one part ends and the next begins."""
        if after.t_ms < before.t_ms:
            return "clock"
        if leapt(before, after):
            return "leapt"
        most, recorded = max(((each.shared(before.t_ms, after.t_ms), each.reason or "") for each in self.silences), default=(-1.0, ""))
        return (recorded if most >= 0 else "") or ("chunk_missing" if self.missing else "weak_fix")


def segments(fixes: Iterable[Fix], silences: Iterable[Silence] = ()) -> list[list[Fix]]:
    """Cut wherever the next fix comes later than GAP_MS, from further than anybody gets, after a silence, or where time runs backwards.

    Times of fixes are rounded and those of silences are not, so the middle of a silence says where it belongs.
    """
    middles = sorted((each.from_ms + each.to_ms) / 2 for each in silences if each.to_ms >= each.from_ms)
    cut: list[list[Fix]] = []
    last: Fix | None = None
    for fix in fixes:
        if (
            last is None
            or not 0 <= fix.t_ms - last.t_ms <= GAP_MS
            or leapt(last, fix)
            or bisect_left(middles, last.t_ms) < bisect_right(middles, fix.t_ms)
        ):
            cut.append([])
        cut[-1].append(fix)
        last = fix
    return cut


def walk_of(patrol: dict[str, Any], read_file: Callable[[str], bytes | None]) -> Walk:
    """The way of one patrol, in the order in which its device recorded it.

    `patrol` has track (chunks) and gaps (entries as written by the device); `read_file` gives the bytes of a file or
    nothing when it has not arrived.
    """
    chunks = sorted(
        (each for each in patrol.get("track") or () if isinstance(each, dict)), key=lambda each: each.get("seq") or 0
    )
    silences = [_silence(each.get("from"), each.get("to"), each.get("reason")) for each in entries_of(patrol.get("gaps"))]
    fixes: list[Fix] = []
    missing = 0
    for chunk in chunks:
        data = read_file(str(chunk.get("sha256") or ""))
        try:
            # What 0,0 says is that the receiver did not know (today's handheld refuses it: pwa/src/device/track.ts).
            fixes += [fix for fix in decode(data) if fix.lat_e7 or fix.lon_e7] if data is not None else []
        except BadTrack:
            data = None
        if data is None:
            missing += 1
            silences.append(_silence(chunk.get("t0"), chunk.get("t1"), "chunk_missing"))
        if len(fixes) > POINTS_MAX:
            break
    known = [each for each in silences if each is not None]
    return Walk(segments(fixes, known), known, missing)


def _silence(start: object, end: object, reason: object) -> Silence | None:
    from_ms, to_ms = entry_ms(start), entry_ms(end)
    if from_ms is None:
        return None
    return Silence(from_ms, math.inf if to_ms is None else to_ms, reason if isinstance(reason, str) else None)


def track_features(
    patrol: dict[str, Any], read_file: Callable[[str], bytes | None]
) -> list[dict[str, Any]]:
    """Map features of one patrol (see walk_of): solid segments, and a `gap` feature for every stretch that is not known."""
    walk = walk_of(patrol, read_file)
    features = [_line(patrol["id"], part) for part in walk.parts]
    for before, after in itertools.pairwise(walk.parts):
        features.append(_gap(patrol["id"], before[-1], after[0], walk.reason(before[-1], after[0])))
    return features


def _line(patrol_id: str, part: list[Fix]) -> dict[str, Any]:
    coordinates = [[fix.lon_e7 / 1e7, fix.lat_e7 / 1e7] for fix in part]
    geometry = (
        {"type": "LineString", "coordinates": coordinates}
        if len(coordinates) > 1
        else {"type": "Point", "coordinates": coordinates[0]}
    )
    properties = {"patrol": patrol_id, "what": "walked", "t0": part[0].t_ms, "t1": part[-1].t_ms, "count": len(part)}
    return {"type": "Feature", "id": patrol_id, "geometry": geometry, "properties": properties}


def _gap(patrol_id: str, before: Fix, after: Fix, reason: str) -> dict[str, Any]:
    ends = [[before.lon_e7 / 1e7, before.lat_e7 / 1e7], [after.lon_e7 / 1e7, after.lat_e7 / 1e7]]
    properties = {"patrol": patrol_id, "what": "gap", "t0": before.t_ms, "t1": after.t_ms, "reason": reason}
    return {"type": "Feature", "id": patrol_id, "geometry": {"type": "MultiPoint", "coordinates": ends}, "properties": properties}


def entry_ms(value: object) -> int | None:
    """A time in an entry as UTC ms: the wire writes ISO text, older devices wrote milliseconds."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            return int(datetime.fromisoformat(value).timestamp() * 1000)
        except (ValueError, OverflowError):
            return None
    return None
