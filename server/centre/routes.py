"""Endpoints of the town centre: thin. Each reads in one read-only transaction, limited to what the reader may see.

Owns the step from a request to the services of this package. Holds no SQL.
Invariants: patrollers are refused here; every figure or list carries its completeness; anything that shows a personal value
in clear leaves a trace first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Blueprint, Response
from sqlalchemy.orm import Session

from server.accounts import audit, days
from server.accounts.calling import settings
from server.accounts.rights import Caller
from server.accounts.service import revoke_device
from server.brakes import EXPORT, READ, UNMASK, place
from server.centre import blobs, documents, schemas
from server.centre.conflicts import list_conflicts
from server.centre.detail import load_record, record_detail
from server.centre.devices import list_devices, may_manage
from server.centre.export import export_kind
from server.centre.freshness import Handheld, completeness, load_handhelds, stamp_text
from server.centre.gpx import export_patrol, load_patrol
from server.centre.history import history
from server.centre.layers import LAYERS, map_layers
from server.centre.lists import ListQuery, list_records, parse_filter, search_all
from server.centre.naming import station_names, user_names
from server.centre.overview import overview, station_records
from server.centre.quarantine import could_write, list_quarantine, visible_scope
from server.centre.reader import READING_ROLES, Reader, reader_of
from server.centre.tables import has_table, kind_named
from server.centre.unmask import REASON_MIN, unmask
from server.db import db, reading, unit
from server.errors import fail
from server.ledger import quarantine
from server.ledger.clock import now_ms
from server.web.endpoint import endpoint

TOWN_ROLES = ("operator", "admin")
bp = Blueprint("centre", __name__, url_prefix="/api/v1")
GPX = "application/gpx+xml"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Desk:
    """One request's view: a read-only session, the reader, his devices and the moment."""

    session: Session
    reader: Reader
    handhelds: list[Handheld]
    at: int

    def stamped(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer with its completeness."""
        return answer | {"completeness": completeness(self.handhelds, self.at)}


@contextmanager
def _desk(caller: Caller) -> Iterator[Desk]:
    at = now_ms()
    with reading(db.session()) as session:
        reader = reader_of(session, caller, at)
        yield Desk(session, reader, load_handhelds(session, reader, at), at)


def _list_query(asked: dict[str, Any]) -> ListQuery:
    return ListQuery(
        q=asked["q"], station=asked["station"] or None, equal=parse_filter(asked["filter"]),
        word=asked["word"] or None, sort=asked["sort"], page=asked["page"], size=asked["size"],
    )  # fmt: skip


@endpoint(
    bp, "GET", "/centre/overview", roles=READING_ROLES, returns=schemas.OverviewSchema,
    summary="Figures of the town and of each station",
)  # fmt: skip
def centre_overview(caller: Caller) -> dict[str, Any]:
    """The first page."""
    with _desk(caller) as desk:
        return desk.stamped(overview(desk.session, desk.reader, desk.handhelds, desk.at))


@endpoint(
    bp, "GET", "/centre/stations", roles=READING_ROLES, returns=schemas.ItemsSchema, summary="Stations the reader may see"
)
def centre_stations(caller: Caller) -> dict[str, Any]:
    """For pickers and the map."""
    with _desk(caller) as desk:
        return desk.stamped({"items": station_records(desk.session, desk.reader), "stations": station_names(desk.session)})


@endpoint(
    bp, "POST", "/centre/search", roles=READING_ROLES, body=schemas.SearchAskSchema, returns=schemas.ItemsSchema, brake=READ,
    summary="Search everything the reader may see",
)  # fmt: skip
def centre_search(caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    """The first hits of each kind."""
    with _desk(caller) as desk:
        return desk.stamped({"items": search_all(desk.session, desk.reader, body["q"], desk.at)})


@endpoint(
    bp, "GET", "/centre/records/<rec>", roles=READING_ROLES, returns=schemas.RecordSchema, errors=("not_found",),
    summary="One record: values, disputes, files, wire state (personal values masked)",
)  # fmt: skip
def centre_record(caller: Caller, rec: str) -> dict[str, Any]:
    """The record panel."""
    with _desk(caller) as desk:
        found = record_detail(desk.session, desk.reader, rec)
        if found is None:
            raise fail("not_found")
        return desk.stamped(found)


@endpoint(
    bp, "GET", "/centre/records/<rec>/history", roles=READING_ROLES, query=schemas.HistoryQuerySchema,
    returns=schemas.PageSchema, errors=("not_found",), summary="What happened to a record, from the op log",
)  # fmt: skip
def centre_history(caller: Caller, rec: str, query: dict[str, Any]) -> dict[str, Any]:
    """流转记录."""
    with _desk(caller) as desk:
        loaded = load_record(desk.session, desk.reader, rec)
        if loaded is None:
            raise fail("not_found")
        return desk.stamped(history(desk.session, rec, loaded[1]["kind"], query["page"], query["size"]))


@endpoint(
    bp, "GET", "/centre/map", roles=READING_ROLES, query=schemas.MapQuerySchema, returns=schemas.MapSchema,
    summary="Map layers as feature collections (WGS-84); people are never a layer",
)  # fmt: skip
def centre_map(caller: Caller, query: dict[str, Any]) -> dict[str, Any]:
    """The map."""
    wanted = tuple(name for name in query["layers"].split(",") if name in LAYERS)
    with _desk(caller) as desk:
        found = map_layers(
            desk.session, desk.reader, wanted, desk.at, partial(blobs.small_file, desk.session, caller.scopes),
            station=query["station"] or None, level=query["level"] or None, patrol_id=query["patrol"] or None,
            everything=query["all"],
        )  # fmt: skip
        return desk.stamped(found)


@endpoint(
    bp, "GET", "/centre/conflicts", roles=READING_ROLES, query=schemas.ConflictsQuerySchema, returns=schemas.PageSchema,
    summary="Open conflicts with every candidate",
)  # fmt: skip
def centre_conflicts(caller: Caller, query: dict[str, Any]) -> dict[str, Any]:
    """Oldest first."""
    with _desk(caller) as desk:
        found = list_conflicts(
            desk.session, desk.reader, station=query["station"] or None, kind=query["kind"] or None,
            closed=query["closed"], page=query["page"], size=query["size"],
        )  # fmt: skip
        return desk.stamped(found | {"stations": station_names(desk.session)})


@endpoint(
    bp, "GET", "/centre/quarantine", roles=READING_ROLES, query=schemas.QuarantineQuerySchema, returns=schemas.PageSchema,
    summary="What arrived and was not applied",
)  # fmt: skip
def centre_quarantine(caller: Caller, query: dict[str, Any]) -> dict[str, Any]:
    """Newest first."""
    with _desk(caller) as desk:
        found = list_quarantine(
            desk.session, desk.reader, state=query["state"], page=query["page"], size=query["size"]
        )
        return desk.stamped(found | {"stations": station_names(desk.session)})


def _decide(caller: Caller, entry: int, how: str) -> dict[str, Any]:
    """Release or keep one entry the reader may see; the audit line is written in the same request."""
    with _desk(caller) as desk:
        scope, reader, at = visible_scope(desk.session, entry), desk.reader, desk.at
        mine = how == "keep" or could_write(desk.session, entry, caller.rights.users[reader.user_id])
    if scope is None or not (reader.whole_town or (scope and reader.may_see(scope))):
        raise fail("not_found")
    if not mine:
        raise fail("forbidden")
    session = db.session()
    try:
        with unit(session):
            if how == "release":
                quarantine.release(session, entry, at)
            else:
                quarantine.keep(session, entry)
            audit.note(session, at, reader.user_id, f"quarantine_{how}", str(entry), reader.device_id, scope=scope)
    except quarantine.NotReleasable as error:
        raise fail("conflict", reason=str(error)) from error
    return {"id": str(entry), "state": "released" if how == "release" else "kept"}


@endpoint(
    bp, "POST", "/centre/quarantine/<int:entry>/release", roles=TOWN_ROLES, returns=schemas.DoneSchema,
    errors=("not_found", "conflict"), summary="Apply a set-aside op after all; the town centre only",
)  # fmt: skip
def centre_quarantine_release(caller: Caller, entry: int) -> dict[str, Any]:
    """The record is folded anew as if the op had been accepted when it came.

    It is not judged again, so whoever wrote without the right must not be the one to let it through: no station head, and of
    what only an administrator may write no operator.
    """
    return _decide(caller, entry, "release")


@endpoint(
    bp, "POST", "/centre/quarantine/<int:entry>/keep", roles=READING_ROLES, returns=schemas.DoneSchema,
    errors=("not_found", "conflict"), summary="Leave a set-aside op aside; it stays stored",
)  # fmt: skip
def centre_quarantine_keep(caller: Caller, entry: int) -> dict[str, Any]:
    """Nothing is deleted."""
    return _decide(caller, entry, "keep")


@endpoint(
    bp, "GET", "/centre/devices", roles=READING_ROLES, returns=schemas.ItemsSchema,
    summary="Devices with what is still on each of them",
)  # fmt: skip
def centre_devices(caller: Caller) -> dict[str, Any]:
    """Those holding most first."""
    with _desk(caller) as desk:
        return desk.stamped(list_devices(desk.session, desk.reader, desk.at))


@endpoint(
    bp, "POST", "/centre/devices/<device>/revoke", roles=READING_ROLES, returns=schemas.DoneSchema, errors=("not_found",),
    summary="Revoke a device",
)  # fmt: skip
def centre_device_revoke(caller: Caller, device: str) -> dict[str, Any]:
    """It gets nothing more; what it still sends is stored and set aside."""
    with _desk(caller) as desk:
        allowed, reader, at = may_manage(desk.session, desk.reader, device, desk.at), desk.reader, desk.at
    if not allowed:
        raise fail("not_found")
    session = db.session()
    with unit(session):
        revoke_device(session, at, reader.user_id, device)
    return {"id": device, "state": "revoked"}


@endpoint(
    bp, "GET", "/centre/documents", roles=READING_ROLES, returns=schemas.DocumentsSchema, summary="Registers to export"
)
def centre_documents(caller: Caller) -> dict[str, Any]:
    """文书."""
    with _desk(caller) as desk:
        kinds = documents.registers(desk.session, desk.reader)
        return desk.stamped({"kinds": kinds, "stations": station_names(desk.session)})


@endpoint(
    bp, "POST", "/centre/export/<kind>.xlsx", roles=READING_ROLES, body=schemas.ExportAskSchema, returns=XLSX,
    brake=EXPORT, errors=("not_found", "invalid", "day_limit", "too_busy"), summary="A list as a workbook; personal values masked unless a reason is given",
)  # fmt: skip
def centre_export(caller: Caller, kind: str, body: dict[str, Any]) -> Response:
    """台账."""
    declared = kind_named(kind)
    if declared is None or not has_table(kind) or kind not in documents.EXPORTED:
        raise fail("not_found")
    reason = body["reason"].strip() or None
    if reason is not None and len(reason) < REASON_MIN:
        raise fail("invalid", errors={"reason": ["too short"]})
    wanted = _list_query(body)
    with _desk(caller) as desk:
        reader, at = desk.reader, desk.at
        stamp = stamp_text(completeness(desk.handhelds, at))
        who = user_names(desk.session, [reader.user_id]).get(reader.user_id, reader.user_id)
    session, chosen = db.session(), settings()
    deed, most = ("export", chosen.exports_per_day) if reason is None else ("export_clear", chosen.clear_exports_per_day)
    with place(chosen.data_dir, "export"):
        with unit(session):
            days.allow(session, at, reader.user_id, deed, most)
            audit.note(session, at, reader.user_id, deed, kind, reader.device_id, station=wanted.station, only=wanted.word, reason=reason)
        with reading(session) as read:
            data = export_kind(
                read, reader, declared, wanted, at, stamp=stamp, who=who, town=documents.town_name(), reason=reason
            )
    return _attachment(data, XLSX, f"{kind}.xlsx")


def _attachment(data: bytes, mime: str, name: str) -> Response:
    response = Response(data, mimetype=mime)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


@endpoint(
    bp, "POST", "/centre/patrols/<rec>/track.gpx", roles=READING_ROLES, returns=GPX, brake=EXPORT,
    errors=("not_found", "day_limit", "too_busy"), summary="The track of one patrol as GPX 1.1; a gap is never joined",
)  # fmt: skip
def centre_track(caller: Caller, rec: str) -> Response:
    """轨迹."""
    with _desk(caller) as desk:
        patrol, reader, at = load_patrol(desk.session, desk.reader, rec), desk.reader, desk.at
        stamp = stamp_text(completeness(desk.handhelds, at))
    if patrol is None:
        raise fail("not_found")
    session, chosen = db.session(), settings()
    with place(chosen.data_dir, "export"):
        with unit(session):
            days.allow(session, at, reader.user_id, "export", chosen.exports_per_day)
            audit.note(session, at, reader.user_id, "export", patrol["id"], reader.device_id, format="GPX", scope=patrol["scope"])
        with reading(session) as read:
            data = export_patrol(read, patrol, partial(blobs.small_file, read, caller.scopes), at, stamp)
    return _attachment(data, GPX, "track.gpx")


@endpoint(
    bp, "POST", "/centre/unmask", roles=READING_ROLES, body=schemas.UnmaskBody, returns=schemas.UnmaskedSchema,
    brake=UNMASK, errors=("not_found", "invalid", "day_limit"), summary="Show personal fields of one record; the reason is recorded first",
)  # fmt: skip
def centre_unmask(caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    """M-50."""
    reason = body["reason"].strip()
    if len(reason) < REASON_MIN:
        raise fail("invalid", errors={"reason": ["too short"]})
    with _desk(caller) as desk:
        reader, at = desk.reader, desk.at
    return unmask(db.session(), reader, caller.rights, body["rec"], body["fields_"], reason, at, settings().unmasks_per_day)


@endpoint(
    bp, "POST", "/centre/list/<kind>", roles=READING_ROLES, body=schemas.ListAskSchema, returns=schemas.PageSchema,
    brake=READ, errors=("not_found",), summary="A typed list: searched, filtered, sorted, paged",
)  # fmt: skip
def centre_list(caller: Caller, kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """Any declared kind."""
    if kind_named(kind) is None or not has_table(kind):
        raise fail("not_found")
    with _desk(caller) as desk:
        return desk.stamped(list_records(desk.session, desk.reader, kind, _list_query(body), desk.at))
