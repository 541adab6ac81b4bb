"""The figures of the first page: per station and for the town.

Owns one grouped query per figure; every condition comes from conditions.py, so that a figure equals the list behind it.
Invariants: totals are the sum of the station rows plus what belongs to no station; a disputed value counts as it is
shown, which is the most cautious one.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from server.centre.conditions import (
    Today,
    hazard_major,
    hazard_open,
    hazard_overdue,
    item_below,
    lot_expired,
    lot_expiring,
    patrol_today,
    roster_incomplete,
    today_of,
)
from server.centre.freshness import Handheld
from server.centre.reader import Reader
from server.centre.tables import core_table, table_of

EVENT_RUNNING = ("warning", "active", "raised", "lowered")
TREND_DAYS = 7


def _by_scope(session: Session, reader: Reader, kind: str, where: ColumnElement[bool]) -> dict[str, int]:
    table = table_of(kind)
    statement = (
        select(table.c.scope, func.count())
        .where(reader.scopes(table.c.scope), table.c.life, where)
        .group_by(table.c.scope)
    )
    return dict(session.execute(statement).all())


def _by_status(session: Session, reader: Reader, kind: str, *where: ColumnElement[bool]) -> dict[str, dict[str, int]]:
    table = table_of(kind)
    statement = (
        select(table.c.scope, table.c.status, func.count())
        .where(reader.scopes(table.c.scope), table.c.life, *where)
        .group_by(table.c.scope, table.c.status)
    )
    found: dict[str, dict[str, int]] = {}
    for scope, status, count in session.execute(statement):
        found.setdefault(scope, {})[status or "none"] = count
    return found


def current_event(session: Session) -> dict[str, Any] | None:
    """The event people are being moved for: the running one begun last, else the last one at all."""
    event = table_of("event")
    running = event.c.status.in_(EVENT_RUNNING)
    row = session.execute(
        select(event.c.id, event.c.name, event.c.code, event.c.status, event.c.exercise, event.c.started_at)
        .where(event.c.life)
        .order_by(running.desc(), event.c.started_at.desc(), event.c.id.desc())
        .limit(1)
    ).mappings().first()
    return None if row is None else dict(row)


def open_conflicts(session: Session, reader: Reader) -> dict[str, int]:
    """Open conflicts by scope."""
    conflict = core_table("conflict")
    statement = (
        select(conflict.c.scope, func.count())
        .where(reader.scopes(conflict.c.scope), conflict.c.closed_at.is_(None))
        .group_by(conflict.c.scope)
    )
    return dict(session.execute(statement).all())


def open_quarantine(session: Session, reader: Reader) -> dict[str, int]:
    """Ops kept aside by the scope they claim; unreadable ones (no op) count for the town only."""
    quarantine, op_log = core_table("quarantine"), core_table("op_log")
    statement = (
        select(func.coalesce(op_log.c.scope, ""), func.count())
        .select_from(quarantine.outerjoin(op_log, op_log.c.id == quarantine.c.op_id))
        .where(quarantine.c.state == "open")
        .group_by(op_log.c.scope)
    )
    found: dict[str, int] = {}
    for scope, count in session.execute(statement):
        if (scope and reader.may_see(scope)) or reader.whole_town:
            found[scope or "town"] = count
    return found


def hazard_trend(session: Session, reader: Reader, today: Today) -> list[dict[str, Any]]:
    """Hazards registered per day of the last week, oldest first; the day is the town's."""
    hazard = table_of("hazard")
    first = today.start_ms - (TREND_DAYS - 1) * 86_400_000
    rows = session.execute(
        select(hazard.c.created_at).where(
            reader.scopes(hazard.c.scope), hazard.c.life, hazard.c.created_at >= first
        )
    ).scalars()
    counts = [0] * TREND_DAYS
    for created_at in rows:
        counts[min(TREND_DAYS - 1, (created_at - first) // 86_400_000)] += 1
    return [{"day_ms": first + index * 86_400_000, "count": count} for index, count in enumerate(counts)]


def overview(session: Session, reader: Reader, handhelds: list[Handheld], now_ms: int) -> dict[str, Any]:
    """{town, stations: [...], event}. Stations without any record are listed with zeros: silence must be visible."""
    today = today_of(session, now_ms)
    hazard, item, lot = table_of("hazard"), table_of("stock_item"), table_of("stock_lot")
    patrol, person, transfer = table_of("patrol"), table_of("person"), table_of("transfer")
    event = current_event(session)
    in_event = transfer.c.event == event["id"] if event is not None else transfer.c.id.is_(None)

    def count(kind: str, where: ColumnElement[bool]) -> dict[str, int]:
        return _by_scope(session, reader, kind, where)

    figures: dict[str, dict[str, int]] = {
        "hazards_open": count("hazard", hazard_open(hazard)),
        "hazards_major": count("hazard", hazard_major(hazard)),
        "hazards_overdue": count("hazard", hazard_overdue(hazard, today)),
        "stock_below": count("stock_item", item_below(item, today)),
        "stock_expiring": count("stock_lot", lot_expiring(lot, today)),
        "stock_expired": count("stock_lot", lot_expired(lot, today)),
        "people": count("person", person.c.id.is_not(None)),
        "people_incomplete": count("person", roster_incomplete(person)),
        "patrols_today": count("patrol", patrol_today(patrol, today)),
        "patrols_done_today": count("patrol", and_(patrol_today(patrol, today), patrol.c.status == "done")),
        "conflicts": open_conflicts(session, reader),
        "quarantine": open_quarantine(session, reader),
    }
    statuses = {
        "hazards_by_status": _by_status(session, reader, "hazard"),
        "transfers_by_status": _by_status(session, reader, "transfer", in_event),
    }
    rows = _station_rows(session, reader, figures, statuses, handhelds)
    return {
        "town": _totals(figures, statuses),
        "stations": rows,
        "event": event,
        "hazard_trend": hazard_trend(session, reader, today),
    }


def _station_rows(
    session: Session,
    reader: Reader,
    figures: dict[str, dict[str, int]],
    statuses: dict[str, dict[str, dict[str, int]]],
    handhelds: list[Handheld],
) -> list[dict[str, Any]]:
    station = table_of("station")
    listed = session.execute(
        select(station.c.id, station.c.code, station.c.name, station.c.population)
        .where(station.c.life, station.c.code.is_not(None), reader.station_codes(station.c.code))
        .order_by(station.c.code)
    )
    rows = []
    for record_id, code, name, population in listed:
        scope = f"station:{code}"
        own = [each for each in handhelds if code in each.stations and each.revoked_ms is None and each.kind == "handheld"]
        row: dict[str, Any] = {"id": record_id, "code": code, "name": name, "population": population}
        row |= {figure: found.get(scope, 0) for figure, found in figures.items()}
        row |= {figure: found.get(scope, {}) for figure, found in statuses.items()}
        row["last_contact_ms"] = max((each.last_seen_ms for each in own if each.last_seen_ms), default=None)
        row["devices"] = len(own)
        row["devices_unsent"] = sum(1 for each in own if each.pending or each.files)
        row["ops_unsent"] = sum(each.pending for each in own)
        row["files_unsent"] = sum(each.files for each in own)
        rows.append(row)
    return rows


def _totals(figures: dict[str, dict[str, int]], statuses: dict[str, dict[str, dict[str, int]]]) -> dict[str, Any]:
    total: dict[str, Any] = {figure: sum(found.values()) for figure, found in figures.items()}
    for figure, by_scope in statuses.items():
        merged: dict[str, int] = {}
        for by_status in by_scope.values():
            for status, count in by_status.items():
                merged[status] = merged.get(status, 0) + count
        total[figure] = merged
    return total


def station_records(session: Session, reader: Reader) -> list[dict[str, Any]]:
    """The stations the reader may see: {id, code, name, lat_e7, lon_e7}."""
    station = table_of("station")
    found = session.execute(
        select(station.c.id, station.c.code, station.c.name, station.c.lat_e7, station.c.lon_e7)
        .where(station.c.life, reader.station_codes(station.c.code))
        .order_by(station.c.code)
    ).mappings()
    return [dict(row) for row in found]
