"""One patrol's track as GPX 1.1, for whatever program the town opens maps with.

Owns the document: WGS-84, UTC, one `<trkseg>` per uninterrupted stretch, check-ins with a position as `<wpt>`. Nothing leads back in: a
track is evidence of a handheld, and a foreign one is no patrol.
Invariants: no segment crosses what nobody knows (server/centre/tracks.py cuts as for the map); it says how complete it is; no name of a
person; words of the field are text and never markup.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.centre.naming import station_names
from server.centre.reader import Reader
from server.centre.tables import entries_of, station_of, table_of
from server.centre.tracks import LAT_MAX_E7, LON_MAX_E7, Walk, entry_ms, walk_of

NAMESPACE = "http://www.topografix.com/GPX/1/1"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What XML 1.0 cannot say in any way, not even escaped.
UNSAYABLE = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Place:
    """A check-in: WGS-84 in 1e-7 degree, when, and the name of its point."""

    lat_e7: int
    lon_e7: int
    t_ms: int | None
    name: str
    method: str


def load_patrol(session: Session, reader: Reader, rec: str) -> dict[str, Any] | None:
    """The patrol, or nothing when it does not exist or is not the reader's to see."""
    patrol = table_of("patrol")
    asked = select(patrol).where(patrol.c.id == rec.replace("\x00", ""), patrol.c.life, reader.scopes(patrol.c.scope))
    row = session.execute(asked).mappings().first()
    return None if row is None else dict(row)


def places_of(patrol: dict[str, Any]) -> list[Place]:
    """Check-ins that know where they were made; one that was scanned where no satellite reaches has no place."""
    found = []
    for entry in entries_of(patrol.get("checkins")):
        point = entry.get("point")
        lat, lon = (point.get("lat_e7"), point.get("lon_e7")) if isinstance(point, dict) else (None, None)
        if type(lat) is int and type(lon) is int and abs(lat) <= LAT_MAX_E7 and abs(lon) <= LON_MAX_E7:
            words = (str(entry.get(name) or "") for name in ("name", "method"))
            found.append(Place(lat, lon, entry_ms(entry.get("at")), *words))
    return found


def export_patrol(session: Session, patrol: dict[str, Any], read_file: Callable[[str], bytes | None], now_ms: int, stamp: str) -> bytes:
    """The GPX document of a patrol that load_patrol gave; `stamp` says how complete the centre's data are."""
    station = station_of(patrol["scope"]) or ""
    title = f"巡查 {patrol['code'] or patrol['id']} {station_names(session).get(station, station)}".strip()
    return document(title, stamp, walk_of(patrol, read_file), places_of(patrol), now_ms)


def document(title: str, stamp: str, walk: Walk, places: list[Place], now_ms: int) -> bytes:
    """GPX 1.1 as bytes."""
    gpx = ET.Element("gpx", {"xmlns": NAMESPACE, "version": "1.1", "creator": "Xun'an"})
    about = ET.SubElement(gpx, "metadata")
    _text(about, "name", title)
    _text(about, "desc", _told(walk, stamp))
    _time(about, now_ms)
    for place in places:
        point = ET.SubElement(gpx, "wpt", _at(place.lat_e7, place.lon_e7))
        _time(point, place.t_ms)
        _text(point, "name", place.name)
        _text(point, "type", place.method)
    track = ET.SubElement(gpx, "trk")
    _text(track, "name", title)
    for part in walk.parts:
        segment = ET.SubElement(track, "trkseg")
        for fix in part:
            _time(ET.SubElement(segment, "trkpt", _at(fix.lat_e7, fix.lon_e7)), fix.t_ms)
    data: bytes = ET.tostring(gpx, encoding="utf-8", xml_declaration=True)
    return data


def _told(walk: Walk, stamp: str) -> str:
    """How complete it is; where the line is interrupted, and that this is on purpose."""
    gaps = sum(1 for _ in itertools.pairwise(walk.parts))
    missing = f";{walk.missing} 段轨迹尚未送达或已损坏" if walk.missing else ""
    return f"{stamp};轨迹 {len(walk.parts)} 段，断点 {gaps} 处，断点不连线{missing}"


def _at(lat_e7: int, lon_e7: int) -> dict[str, str]:
    """Position as attributes. GPX knows no 180° east: it is 180° west."""
    return {"lat": f"{lat_e7 / 1e7:.7f}", "lon": f"{(-lon_e7 if lon_e7 == LON_MAX_E7 else lon_e7) / 1e7:.7f}"}


def _text(parent: ET.Element, name: str, words: str) -> None:
    if words:
        ET.SubElement(parent, name).text = UNSAYABLE.sub("", words)


def _time(parent: ET.Element, t_ms: int | None) -> None:
    """UTC in whole seconds, as the handheld keeps them; what no calendar has is left out."""
    if t_ms is None:
        return
    with suppress(OverflowError):
        moment = EPOCH + timedelta(seconds=t_ms // 1000)
        ET.SubElement(parent, "time").text = moment.isoformat().replace("+00:00", "Z")
