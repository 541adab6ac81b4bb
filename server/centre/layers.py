"""Map layers as GeoJSON feature collections, ready to draw: grid, hazards, shelters, stations, photos, patrol tracks.

Owns the queries of the map and the conversion of stored geometry (1e-7 degree integers) to coordinates.
Invariants: WGS-84 throughout; people are never a layer; each layer is bounded and says when it was cut short.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from server.centre.conditions import Today, hazard_open, hazard_overdue, patrol_today, today_of
from server.centre.reader import Reader
from server.centre.tables import entries_of, station_of, table_of
from server.centre.tracks import track_features

LAYERS = ("grid", "hazards", "shelters", "stations", "tracks", "photos")
FEATURES_MAX = 5000
PATROLS_MAX = 60
E7 = 10_000_000


def point_geometry(lat_e7: int, lon_e7: int) -> dict[str, Any]:
    """A GeoJSON point."""
    return {"type": "Point", "coordinates": [lon_e7 / E7, lat_e7 / E7]}


def polygon_geometry(value: Any) -> dict[str, Any] | None:
    """A stored geometry as GeoJSON; nothing for anything that is not a polygon with at least three corners."""
    if not isinstance(value, dict):
        return None
    rings = value.get("rings")
    if not isinstance(rings, list):
        return None
    drawn = [
        [[corner[0] / E7, corner[1] / E7] for corner in ring if isinstance(corner, list) and len(corner) >= 2]
        for ring in rings
        if isinstance(ring, list)
    ]
    drawn = [ring for ring in drawn if len(ring) >= 3]
    return {"type": "Polygon", "coordinates": drawn} if drawn else None


def _collection(features: list[dict[str, Any]], limit: int = FEATURES_MAX) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": features[:limit], "cut": len(features) > limit}


def grid_layer(session: Session, reader: Reader, level: str | None = None, station: str | None = None) -> dict[str, Any]:
    """Cells that are not superseded, blocks first so that the borders of larger cells are drawn on top."""
    cell = table_of("grid_cell")
    where: list[ColumnElement[bool]] = [cell.c.life, cell.c.status.is_distinct_from("superseded")]
    if level:
        where.append(cell.c.level == level)
    if station:
        where.append(cell.c.station_code == station)
    if not reader.whole_town:
        where.append(cell.c.station_code.is_(None) | reader.station_codes(cell.c.station_code))
    order = {"block": 0, "village": 1, "grid": 2, "town": 3}
    rows = session.execute(select(cell).where(*where).limit(FEATURES_MAX + 1)).mappings()
    features = []
    for row in sorted(rows, key=lambda row: (order.get(row["level"] or "", 9), row["code"] or "")):
        geometry = polygon_geometry(row["geometry"])
        if geometry is None:
            continue
        names = ("code", "name", "level", "station_code", "block_type", "responsible_unit", "last_confirmed", "status")
        properties = {name: row[name] for name in names} | {"kind": "grid_cell"}
        features.append({"type": "Feature", "id": row["id"], "geometry": geometry, "properties": properties})
    return _collection(features)


def _points(
    session: Session, reader: Reader, kind: str, names: tuple[str, ...], where: list[ColumnElement[bool]]
) -> dict[str, Any]:
    table = table_of(kind)
    rows = session.execute(
        select(table)
        .where(reader.scopes(table.c.scope), table.c.life, table.c.lat_e7.is_not(None), table.c.lon_e7.is_not(None), *where)
        .order_by(table.c.updated_at.desc(), table.c.id)
        .limit(FEATURES_MAX + 1)
    ).mappings()
    features = [
        {
            "type": "Feature", "id": row["id"], "geometry": point_geometry(row["lat_e7"], row["lon_e7"]),
            "properties": {name: row[name] for name in names}
            | {"kind": kind, "station": station_of(row["scope"]), "in_dispute": bool(row["in_dispute"])},
        }
        for row in rows
    ]  # fmt: skip
    return _collection(features)


def hazards_layer(session: Session, reader: Reader, today: Today, station: str | None, everything: bool) -> dict[str, Any]:
    """Open hazards (or all of them), with whether each is overdue."""
    hazard = table_of("hazard")
    where = [] if everything else [hazard_open(hazard)]
    if station:
        where.append(reader.scopes(hazard.c.scope, station))
    found = _points(
        session, reader, "hazard",
        ("code", "title", "hazard_type", "severity", "status", "due", "place", "found_at"), where,
    )  # fmt: skip
    overdue = set(
        session.execute(
            select(hazard.c.id).where(reader.scopes(hazard.c.scope), hazard.c.life, hazard_overdue(hazard, today))
        ).scalars()
    )
    for feature in found["features"]:
        feature["properties"]["overdue"] = feature["id"] in overdue
    return found


def tracks_layer(
    session: Session, reader: Reader, today: Today, read_file: Callable[[str], bytes | None],
    *, patrol_id: str | None = None, station: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Tracks of today's patrols (or of one patrol), as segments and gaps."""
    patrol = table_of("patrol")
    where = [patrol.c.id == patrol_id] if patrol_id else [patrol_today(patrol, today)]
    rows = session.execute(
        select(patrol)
        .where(reader.scopes(patrol.c.scope, station), patrol.c.life, *where)
        .order_by(patrol.c.started_at.desc(), patrol.c.id)
        .limit(PATROLS_MAX)
    ).mappings()
    features: list[dict[str, Any]] = []
    for row in rows:
        for feature in track_features(dict(row), read_file):
            feature["properties"] |= {"code": row["code"], "kind": "patrol", "station": station_of(row["scope"])}
            features.append(feature)
        features += _checkins(row)
    return _collection(features, FEATURES_MAX)


def _checkins(row: Any) -> list[dict[str, Any]]:
    found = []
    for entry in entries_of(row["checkins"]):
        point = entry.get("point")
        if isinstance(point, dict) and isinstance(point.get("lat_e7"), int) and isinstance(point.get("lon_e7"), int):
            properties = {
                "patrol": row["id"], "what": "checkin", "name": entry.get("name"), "at": entry.get("at"),
                "method": entry.get("method"), "floor": entry.get("floor"), "kind": "patrol", "code": row["code"],
            }  # fmt: skip
            geometry = point_geometry(point["lat_e7"], point["lon_e7"])
            found.append({"type": "Feature", "id": row["id"], "geometry": geometry, "properties": properties})
    return found


def map_layers(
    session: Session, reader: Reader, wanted: tuple[str, ...], now_ms: int, read_file: Callable[[str], bytes | None],
    *, station: str | None = None, level: str | None = None, patrol_id: str | None = None, everything: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """{layers: {name: collection}, bounds: [south, west, north, east] | null}."""
    today = today_of(session, now_ms)
    layers: dict[str, Any] = {}
    if "grid" in wanted:
        layers["grid"] = grid_layer(session, reader, level, station)
    if "hazards" in wanted:
        layers["hazards"] = hazards_layer(session, reader, today, station, everything)
    if "shelters" in wanted:
        layers["shelters"] = _points(
            session, reader, "shelter", ("code", "name", "shelter_kind", "status", "capacity", "station_code"), []
        )
    if "stations" in wanted:
        table = table_of("station")
        layers["stations"] = _points(
            session, reader, "station", ("code", "name", "phone"), [reader.station_codes(table.c.code)]
        )
    if "photos" in wanted:
        layers["photos"] = _points(session, reader, "attachment", ("owner", "owner_kind", "caption", "taken_at", "role"), [])
    if "tracks" in wanted:
        layers["tracks"] = tracks_layer(session, reader, today, read_file, patrol_id=patrol_id, station=station)
    return {"layers": layers, "bounds": bounds(layers)}


def bounds(layers: dict[str, Any]) -> list[float] | None:
    """South, west, north, east of everything drawn."""
    lons: list[float] = []
    lats: list[float] = []

    def walk(value: Any) -> None:
        if isinstance(value, list) and len(value) >= 2 and isinstance(value[0], float | int):
            lons.append(value[0])
            lats.append(value[1])
        elif isinstance(value, list):
            for each in value:
                walk(each)

    for layer in layers.values():
        for feature in layer["features"]:
            walk(feature["geometry"]["coordinates"])
    return [min(lats), min(lons), max(lats), max(lons)] if lats else None
