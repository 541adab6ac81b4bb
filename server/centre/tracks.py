"""Patrol tracks for the map: chunks of fixes decoded into segments that never cross a gap.

Owns the decoding of track chunks (written by pwa/src/device/track_codec.ts) and the cutting into segments.
Invariants: two fixes further apart in time than GAP_MS are never joined; a missing or damaged chunk is a gap with its
reason, not an error; recorded gaps and pauses are given with the reason the device wrote.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from server.centre.tables import entries_of

# The device records a gap after 15 s of silence; times are rounded to whole seconds, hence one more.
GAP_MS = 16_000
STEP_T_MS, STEP_DEG_E7, STEP_ACC_DM = 1000, 50, 50
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
        fixes.append(Fix(t * STEP_T_MS, lat * STEP_DEG_E7, lon * STEP_DEG_E7, acc * STEP_ACC_DM))
    return fixes


def segments(fixes: Iterable[Fix]) -> list[list[Fix]]:
    """Cut wherever the next fix comes later than GAP_MS (or time runs backwards)."""
    cut: list[list[Fix]] = []
    last: Fix | None = None
    for fix in fixes:
        if last is None or not 0 <= fix.t_ms - last.t_ms <= GAP_MS:
            cut.append([])
        cut[-1].append(fix)
        last = fix
    return cut


def track_features(
    patrol: dict[str, Any], read_file: Callable[[str], bytes | None]
) -> list[dict[str, Any]]:
    """Map features of one patrol: solid segments, and a `gap` feature for every stretch that is not known.

    `patrol` has id, track (chunks), gaps and pauses (entries as written by the device); `read_file` gives the bytes of
    a file or nothing when it has not arrived.
    """
    chunks = sorted(
        (each for each in patrol.get("track") or () if isinstance(each, dict)), key=lambda each: each.get("seq") or 0
    )
    fixes: list[Fix] = []
    missing = 0
    for chunk in chunks:
        data = read_file(str(chunk.get("sha256") or ""))
        try:
            fixes += decode(data) if data is not None else []
        except BadTrack:
            data = None
        missing += data is None
        if len(fixes) > POINTS_MAX:
            break
    fixes.sort(key=lambda fix: fix.t_ms)
    parts = segments(fixes)
    reasons = entries_of(patrol.get("gaps"))
    features = [_line(patrol["id"], part) for part in parts]
    for before, after in itertools.pairwise(parts):
        features.append(_gap(patrol["id"], before[-1], after[0], reasons, missing))
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


def _gap(patrol_id: str, before: Fix, after: Fix, reasons: list[dict[str, Any]], missing: int) -> dict[str, Any]:
    ends = [[before.lon_e7 / 1e7, before.lat_e7 / 1e7], [after.lon_e7 / 1e7, after.lat_e7 / 1e7]]
    reason = next((each.get("reason") for each in reasons if _overlaps(each, before.t_ms, after.t_ms)), None)
    properties = {
        "patrol": patrol_id, "what": "gap", "t0": before.t_ms, "t1": after.t_ms,
        "reason": reason or ("chunk_missing" if missing else "weak_fix"),
    }  # fmt: skip
    return {"type": "Feature", "id": patrol_id, "geometry": {"type": "MultiPoint", "coordinates": ends}, "properties": properties}


def _overlaps(entry: dict[str, Any], t0: int, t1: int) -> bool:
    start, end = entry_ms(entry.get("from")), entry_ms(entry.get("to"))
    return start is not None and (end is None or end >= t0) and start <= t1


def entry_ms(value: object) -> int | None:
    """A time in an entry as UTC ms: the wire writes ISO text, older devices wrote milliseconds."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        from datetime import datetime

        try:
            return int(datetime.fromisoformat(value).timestamp() * 1000)
        except ValueError:
            return None
    return None
