"""Who may do what: one row for every operation of the OpenAPI document, written by hand so that a change of rights is a decision.

A row says which callers are let in, with which request, and what a station head of another station gets to see of station 007:
`hidden` (404), `forbidden` (403) or `absent` (an answer without a trace of 007). Requests are made anew for each caller.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask
from sqlalchemy import text

from server.accounts import service
from server.accounts.models import Post, User
from server.db import db, unit
from server.ledger.clock import now_ms
from sync.stamp import GENESIS
from tests.server.edge.people import AT, PASSWORD, SCOPE, STATION_CODE, Client, Person
from tests.server.files.tus_client import OCTETS, Tus, key_of, metadata

MARK = "七站专有标记"
OTHER_CODE = "310199101008"
HAZARD, PERSON, PATROL, PHOTO = "0198-hazard", "0198-person", "0198-patrol", b"bytes of a photo"

PUBLIC = ("nobody", "device", "patroller", "head", "operator", "admin")
DEVICE = PUBLIC[1:]
USER = PUBLIC[2:]
READ = PUBLIC[3:]
TOWN = PUBLIC[4:]
ADMIN = PUBLIC[5:]
# Another server of ours: a device of a kind of its own, and no person.
NODE = ("node",)

Request = tuple[str, dict[str, Any]]


def reg(value: object) -> dict[str, object]:
    return {"k": "reg", "v": value, "b": []}


class Town:
    """Station 007 with a hazard, a person, a photo and a marked device; and the callers of the table."""

    def __init__(self, app: Flask, person: Person) -> None:
        self.app, self.person = app, person
        with app.app_context(), unit() as session:
            chief = service.add_user(session, AT, "test", "chief08", "chief08", PASSWORD)
            service.add_post(session, AT, "test", chief.id, "head", OTHER_CODE)
        self.callers: dict[str, Client] = {name: person(name) for name in ("patroller", "head", "operator", "admin")}
        self.foreign = person("chief08")
        self.foreign_patroller = person("stranger")
        self.callers["device"] = self._bare_device()
        with app.app_context(), unit() as session:
            hub = service.add_device(session, AT, "node", "hub", None, None)
        self.callers["node"] = Client(app, hub.token, hub.token, "", "y" * 16)
        self.writer = person("patroller")
        self.push({"scope": reg(SCOPE), "title": reg(MARK)}, HAZARD)
        self.push({"scope": reg(SCOPE), "name": reg(MARK), "phone": reg("13800001234")}, PERSON, "person")
        self.push({"scope": reg(SCOPE), "code": reg(MARK)}, PATROL, "patrol")
        tus = Tus(self.writer)
        tus.attach(tus.upload(PHOTO))
        self.station_device()

    def _bare_device(self) -> Client:
        token = self.person.enrol()["device_token"]
        return Client(self.app, token, token, "", "x" * 16)

    def push(self, fields: dict[str, Any], rec: str, kind: str = "hazard") -> str:
        first, prev = self.writer.n + 1, self.writer.h
        answer = self.writer.sync([self.writer.line(rec, fields, kind)], first, prev)
        return str(answer.json["verdicts"][0]["v"])

    def quarantined(self) -> int:
        """A fresh entry of station 007."""
        assert self.push({"scope": reg(SCOPE), "title": reg([MARK])}, f"0198-bad-{self.writer.n}") == "quarantined"
        with self.app.app_context():
            return int(db.session.execute(text("SELECT MAX(id) FROM quarantine")).scalar_one())

    def new_person(self) -> str:
        """A fresh person of station 007."""
        rec = f"0198-person-{self.writer.n}"
        assert self.push({"scope": reg(SCOPE), "name": reg("李四")}, rec, "person") == "applied"
        return rec

    def station_device(self) -> str:
        """A fresh device of station 007."""
        with self.app.app_context(), unit() as session:
            code, _ = service.make_code(session, self.app.extensions["xunan"], now_ms(), "test", MARK, STATION_CODE)
        return str(self.app.test_client().post("/api/v1/enrol", json={"code": code}).json["device_id"])

    def new_user(self) -> str:
        """A fresh user with a post at station 007."""
        with self.app.app_context(), unit() as session:
            count = session.query(User).count()
            user = service.add_user(session, AT, "test", f"user{count}", f"user{count}", PASSWORD)
            service.add_post(session, AT, "test", user.id, "patroller", STATION_CODE)
            return user.id

    def new_post(self) -> int:
        """A fresh post at station 007."""
        user = self.new_user()
        with self.app.app_context():
            return int(db.session.query(Post.id).filter_by(user_id=user).scalar())


@dataclass(frozen=True)
class Row:
    """`good`: status codes of whoever is let in; `shows`: the head of 007 sees the mark where a foreigner must not."""

    who: tuple[str, ...]
    request: Callable[[Town], Request]
    good: tuple[int, ...] = (200,)
    foreign: str = ""
    shows: bool = True


def get(path: str) -> Callable[[Town], Request]:
    return lambda _town: (path, {})


def send(path: str, body: Any) -> Callable[[Town], Request]:
    return lambda _town: (path, {"json": body})


def user_deed(deed: str, body: Any = None) -> Callable[[Town], Request]:
    return lambda town: (f"/admin/users/{town.new_user()}{deed}", {} if body is None else {"json": body})


def octets(path: str, data: bytes = b"", **headers: str) -> Callable[[Town], Request]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _town: (path, {"headers": {"Tus-Resumable": "1.0.0", **named}, "data": data, "content_type": OCTETS})


def ndjson(path: str, head: dict[str, Any]) -> Callable[[Town], Request]:
    return lambda _town: (path, {"data": json.dumps(head).encode(), "content_type": "application/x-ndjson"})


def bundle(_town: Town) -> Request:
    return "/centre/rescue", {"data": io.BytesIO(b"no bundle"), "content_type": "application/zip"}


def quarantine_list(town: Town) -> Request:
    town.quarantined()
    return "/centre/quarantine", {}


KEY, UNKNOWN = key_of(PHOTO), "0" * 64
MATRIX: dict[str, Row] = {
    "health.healthz": Row(PUBLIC, get("//healthz")),
    "health.readyz": Row(PUBLIC, get("//readyz")),
    "health.metrics": Row(PUBLIC, get("//metrics")),
    "openapi.openapi_json": Row(PUBLIC, get("/openapi.json")),
    "openapi.docs": Row(PUBLIC, get("//api/docs")),
    "accounts.enrol": Row(PUBLIC, send("/enrol", {"code": "WRONG-CODE"}), (422,)),
    "accounts.login": Row(PUBLIC, send("/login", {"username": "nobody", "password": "x", "desk": True}), (401, 429)),
    "accounts.me": Row(USER, get("/me"), foreign="absent", shows=False),
    "accounts.colleagues": Row(USER, get("/colleagues"), foreign="absent", shows=False),
    "accounts.users": Row(ADMIN, send("/admin/users/list", {})),
    "accounts.user": Row(ADMIN, user_deed("")),
    "accounts.new_user": Row(ADMIN, send("/admin/users", {"username": "fresh", "name": "新"}), (201,)),
    "accounts.rename_user": Row(ADMIN, user_deed("", {"name": "改"})),
    "accounts.block_user": Row(ADMIN, user_deed("/block")),
    "accounts.unblock_user": Row(ADMIN, user_deed("/unblock")),
    "accounts.reset_password": Row(ADMIN, user_deed("/password")),
    "accounts.reset_factor": Row(ADMIN, user_deed("/reset-factor")),
    "accounts.end_sessions": Row(ADMIN, user_deed("/end-sessions")),
    "accounts.posts": Row(ADMIN, get("/admin/posts")),
    "accounts.new_post": Row(
        ADMIN, lambda t: ("/admin/posts", {"json": {"user_id": t.new_user(), "role": "head", "station_code": STATION_CODE}}), (201,)
    ),
    "accounts.close_post": Row(ADMIN, lambda t: (f"/admin/posts/{t.new_post()}", {})),
    "accounts.devices": Row(TOWN, get("/admin/devices")),
    "accounts.revoke_device": Row(TOWN, lambda t: (f"/admin/devices/{t.station_device()}/revoke", {})),
    "accounts.device_code": Row(READ, send("/admin/device-codes", {"name": "甲", "station_code": STATION_CODE}), (201,), "forbidden"),
    "accounts.audit_log": Row(ADMIN, get("/admin/audit")),
    "sync.sync": Row(DEVICE, ndjson("/sync", {"protocol": 1, "dev": "abcdefghijklmnop", "from": 1, "prev_h": GENESIS, "cursor": None, "schema": 1}), foreign="absent"),
    "sync.snapshot_list": Row(USER, get("/snapshots"), foreign="absent", shows=False),
    "sync.snapshot": Row(USER, get(f"/snapshots/{SCOPE}"), foreign="hidden"),
    "live.live": Row(DEVICE, get("/live")),
    "files.options": Row(PUBLIC, get("/files"), (204,)),
    "files.create": Row(
        DEVICE, octets("/files", Upload_Length="3", Upload_Metadata=metadata(sha256=key_of(b"new"), mime="image/jpeg", role="photo")),
        (200, 201),
    ),
    "files.patch": Row(DEVICE, octets(f"/files/{UNKNOWN}", b"x", Upload_Offset="0"), (404,)),
    "files.terminate": Row(DEVICE, octets(f"/files/{UNKNOWN}"), (404,)),
    "files.read": Row(USER, get(f"/files/{KEY}"), foreign="hidden"),
    "files.status": Row(DEVICE, send("/files/status", {"sha256": [KEY]})),
    "rescue.rescue": Row(READ, bundle, (422,)),
    "centre.centre_overview": Row(READ, get("/centre/overview"), foreign="absent", shows=False),
    "centre.centre_stations": Row(READ, get("/centre/stations"), foreign="absent", shows=False),
    "centre.centre_search": Row(READ, send("/centre/search", {"q": MARK}), foreign="absent"),
    "centre.centre_record": Row(READ, get(f"/centre/records/{HAZARD}"), foreign="hidden"),
    "centre.centre_history": Row(READ, get(f"/centre/records/{HAZARD}/history"), foreign="hidden"),
    "centre.centre_map": Row(READ, get("/centre/map?layers=hazard"), foreign="absent", shows=False),
    "centre.centre_conflicts": Row(READ, get("/centre/conflicts"), foreign="absent", shows=False),
    "centre.centre_quarantine": Row(READ, quarantine_list, foreign="absent"),
    "centre.centre_quarantine_release": Row(
        TOWN, lambda t: (f"/centre/quarantine/{t.quarantined()}/release", {})
    ),
    "centre.centre_quarantine_keep": Row(READ, lambda t: (f"/centre/quarantine/{t.quarantined()}/keep", {}), foreign="hidden"),
    "centre.centre_devices": Row(READ, get("/centre/devices"), foreign="absent"),
    "centre.centre_device_revoke": Row(READ, lambda t: (f"/centre/devices/{t.station_device()}/revoke", {}), foreign="hidden"),
    "centre.centre_documents": Row(READ, get("/centre/documents"), foreign="absent", shows=False),
    "centre.centre_export": Row(READ, send("/centre/export/hazard.xlsx", {}), foreign="absent"),
    "centre.centre_track": Row(READ, send(f"/centre/patrols/{PATROL}/track.gpx", {}), foreign="hidden"),
    "centre.centre_unmask": Row(
        READ, send("/centre/unmask", {"rec": PERSON, "fields": ["phone"], "reason": "核对联系方式"}), foreign="hidden"
    ),
    "centre.centre_list": Row(READ, send("/centre/list/hazard", {}), foreign="absent"),
    "accounts.password": Row(USER, send("/password", {"old": "", "new": ""}), (422,)),
    "accounts.confirm": Row(USER, send("/session/confirm", {"password": PASSWORD})),
    "accounts.alive": Row(USER, send("/session/alive", {})),
    "accounts.own_sessions": Row(USER, get("/sessions"), foreign="absent", shows=False),
    "accounts.end_session": Row(USER, send("/sessions/g_unknown/end", {}), (404,)),
    "accounts.ended_sessions": Row(DEVICE, send("/sessions/ended", {"grants": ["g_unknown"]})),
    "accounts.factor": Row(USER, get("/second-factor")),
    "accounts.begin_factor": Row(USER, send("/second-factor/begin", {})),
    "accounts.confirm_factor": Row(USER, send("/second-factor/confirm", {"code": "000000"}), (401, 409)),
    "erasure.erasure_plan": Row(ADMIN, get(f"/admin/erasures/plan/{PERSON}")),
    "erasure.erase_record": Row(ADMIN, lambda t: ("/admin/erasures", {"json": {"rec": t.new_person(), "why": "mistake"}})),
    "erasure.erased": Row(ADMIN, get("/admin/erasures")),
    "erasure.erasures_due": Row(ADMIN, get("/admin/erasures/due")),
    "erasure.erase_due": Row(ADMIN, send("/admin/erasures/due", {"rule": "person_gone", "total": 1}), (409,)),
    "nodes.meet": Row(NODE, ndjson("/nodes/meet", {"protocol": 1, "node": "other"})),
    "nodes.exchange_accounts": Row(NODE, send("/nodes/accounts", {"node": "other", "known": "", "grant": [], "device": []})),
    "nodes.files": Row(NODE, send("/nodes/files", {"after": [0, ""]})),
    "nodes.read_file": Row(NODE, get(f"/nodes/files/{KEY}")),
    # Last: they end sign-ins of whoever asks.
    "accounts.end_other_sessions": Row(USER, send("/sessions/end-others", {})),
    "accounts.logout": Row(USER, lambda _t: ("/logout", {})),
}
