"""What devices say to the server of a release before and while it is frozen: every kind and verb of op, and every kind of answer.

Owns the scripts of three devices that speak HTTP by hand (`freeze.py` runs them once; nothing else does), and the recording of requests
and answers as bytes. Deterministic but for identities and times that the server gives.
"""

from __future__ import annotations

import base64
import gzip
import http.client
import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from sync.op import encode_op
from sync.stamp import GENESIS, chain, make_stamp
from tests.server.ledger.world import Caller, Device, rec_id, reg
from tests.tools.serving import PASSWORD, Server

TUS = {"Tus-Resumable": "1.0.0"}
NO_HASH = "0" * 64


@dataclass
class Talk:
    """One caller of the server; with `tape` every request and answer is recorded."""

    port: int
    token: str
    tape: list[dict[str, Any]] | None = None

    def say(self, method: str, path: str, body: bytes = b"", note: str = "", **headers: str) -> tuple[int, bytes]:
        """One request."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        link.request(method, f"/api/v1{path}", body, {"Authorization": f"Bearer {self.token}"} | named)
        answer = link.getresponse()
        said = answer.read()
        told = {name: value for name, value in answer.getheaders() if name in ("Upload-Offset", "Content-Encoding", "Content-Type")}
        link.close()
        if self.tape is not None:
            request = {"method": method, "path": path, "headers": named, "body": base64.b64encode(body).decode(), "token": self.token}
            self.tape.append({"note": note, "request": request, "status": answer.status, "headers": told, "body": base64.b64encode(said).decode()})
        return answer.status, said


@dataclass
class Author(Device):
    """A device of the ledger tests, on the wire. Its identity in the log comes from its name."""

    talk: Talk = field(kw_only=True)
    scope: str = field(kw_only=True)

    @staticmethod
    def enrol(server: Server, name: str, username: str, station: str) -> Author:
        """Enrolled and signed in."""

        def call(path: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
            found: dict[str, Any] = json.loads(Talk(server.port, token).say("POST", path, json.dumps(body).encode(), Content_Type="application/json")[1])
            return found

        device = call("/enrol", {"code": server.device_code(name, station)})
        signed = call("/login", {"username": username, "password": PASSWORD}, device["device_token"])
        scope = f"station:{station}"
        talk = Talk(server.port, signed["grant_token"])
        return Author(name, Caller(device["device_id"], ("town", scope)), signed["user"]["id"], talk=talk, scope=scope)

    def put(self, rec: str, kind: str, fields: dict[str, Any], **extra: Any) -> str:
        """One op of this device's station; gives its stamp."""
        return self.write(rec, kind, fields, scope=self.scope, **extra)

    def create(self, rec: str, kind: str, /, **values: Any) -> str:
        """A new record of plain values; a dict with a verb is taken as it is."""
        made = {name: value if isinstance(value, dict) and "k" in value else reg(value) for name, value in values.items()}
        return self.put(rec, kind, {"scope": reg(self.scope)} | made)

    def exchange(self, note: str = "", **header: Any) -> dict[str, Any]:
        """One round trip, compressed as the app does it."""
        body = gzip.compress(self.body(**header), mtime=0)
        status, said = self.talk.say("POST", "/sync", body, note, Content_Type="application/x-ndjson", Content_Encoding="gzip")
        answer: dict[str, Any] = json.loads(said)
        if status == 200 and "resend_from" not in answer and not answer.get("fork"):
            self.lines, self.first, self.prev_h = [], self.n + 1, self.h
            self.take(answer)
        return answer


def every_kind_and_verb(a: Author, b: Author, photo: bytes) -> None:
    """A writes what the seed and the handheld do not, B meets it unseen; the rest is what no server can apply."""
    hazard, other, lot, second, patrol = (rec_id(number) for number in range(1, 6))
    title = a.create(hazard, "hazard", title="楼道堆物", severity="general", status="found")
    alive = a.create(other, "hazard", title="外墙脱落", severity="major", status="registered")
    a.create(lot, "stock_lot", lot_no="A-1", on_hand={"k": "count", "v": 40, "b": [], "seen": {}})
    a.create(second, "stock_lot", lot_no="A-2", on_hand={"k": "inc", "v": 9})
    entry = a.create(patrol, "patrol", status="ongoing", checkins={"k": "log", "v": {"point_id": "p1", "method": "scan"}})
    a.exchange()
    b.exchange()

    # Every verb, and a group.
    a.put(patrol, "patrol", {"checkins": {"k": "retract", "b": [entry]}})
    chunk = a.put(patrol, "patrol", {"track": {"k": "add", "v": {"seq": 1, "t0": 0, "t1": 1, "count": 2, "sha256": NO_HASH}}})
    a.put(patrol, "patrol", {"track": {"k": "rem", "b": [chunk]}})
    a.put(lot, "stock_lot", {"on_hand": {"k": "inc", "v": -5, "b": []}}, group=["g_frozen", 0, 2])
    a.put(second, "stock_lot", {"on_hand": {"k": "inc", "v": 5, "b": []}}, group=["g_frozen", 1, 2])
    a.put(other, "hazard", {"life": {"k": "life", "v": "deleted", "b": [], "seen": {a.dev: a.n}}})
    gone = rec_id(6)
    a.create(gone, "hazard", title="误报", status="found")
    dead = a.put(gone, "hazard", {"life": {"k": "life", "v": "deleted", "b": [], "seen": {a.dev: a.n}}})
    a.put(gone, "hazard", {"life": {"k": "life", "v": "alive", "b": [dead], "seen": {a.dev: a.n}}})
    # The kinds nobody else writes.
    a.create(rec_id(10), "stock_count", code="P-1", status="open", lines={"k": "log", "v": {"lot": lot, "counted": 40}})
    a.create(rec_id(11), "stock_movement", lot=lot, direction="out", qty=5)
    a.create(rec_id(12), "conflict_case", rec=hazard, field="title", rec_kind="hazard", status="open", note="已电话询问")
    a.create(rec_id(13), "unmask", person=rec_id(99), fields=["phone"], reason="电话通知转移")
    named = {"sha256": sha256(photo).hexdigest(), "size": len(photo), "mime": "image/jpeg", "role": "photo"}
    a.create(rec_id(14), "attachment", owner=hazard, owner_kind="hazard", role="photo", file={"k": "add", "v": named})
    a.put(hazard, "hazard", {"title": reg("楼道堆物，已劝导", title)})
    # A newer app: a kind and a field this release has never heard of.
    a.create(rec_id(15), "drone_flight", height=80, team={"k": "add", "v": "丙"})
    a.put(hazard, "hazard", {"smell_level": reg(3)})
    # What waits for a parent, and what waits for a person.
    a.put(hazard, "hazard", {"note": reg("等上文", make_stamp(b.dev, 900, "0badc0de"))})
    a.put(hazard, "hazard", {"place": reg(7)})
    a.raw(b'{"n":0,"broken"')
    a.raw(encode_op({"n": a.n + 1, "rec": hazard, "kind": "hazard", "scope": a.scope, "f": {"note": {"k": "swap", "v": 1}}, "at": "2026-11-28T08:00:00+08:00", "user": a.user}))
    a.exchange()

    # B had not seen any of it: one conflict each of a register, a stocktake and a deletion.
    b.put(hazard, "hazard", {"title": reg("楼道堆放电瓶车", title)})
    b.put(lot, "stock_lot", {"on_hand": {"k": "count", "v": 31, "b": [], "seen": {a.dev: 3}}})
    b.put(other, "hazard", {"status": reg("rectifying", alive)})
    b.exchange()

    # A dispute that somebody decided: one op in place of both heads.
    heads = [device.put(hazard, "hazard", {"owner_person": reg(who)}) for device, who in ((a, "示例责任人丙"), (b, "示例责任人丁"))]
    a.exchange()
    b.put(hazard, "hazard", {"owner_person": reg("示例责任人丁", *sorted(heads))})
    b.exchange()


def begin_upload(talk: Talk, data: bytes) -> str:
    """The first half of a file; gives its key."""
    key = sha256(data).hexdigest()
    told = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in (("sha256", key), ("mime", "image/jpeg")))
    talk.say("POST", "/files", Upload_Length=str(len(data)), Upload_Metadata=told, **_tus())
    talk.say("PATCH", f"/files/{key}", data[: len(data) // 2], Upload_Offset="0", Content_Type="application/offset+octet-stream", **_tus())
    return key


def _tus() -> dict[str, str]:
    return {name.replace("-", "_"): value for name, value in TUS.items()}


def recorded(server: Server, late: Author, operator: str, half: bytes, rescue: bytes) -> list[dict[str, Any]]:
    """Every kind of request of this release with its answer, on the database as it is frozen."""
    tape: list[dict[str, Any]] = []
    talk = late.talk = Talk(server.port, late.talk.token, tape)
    mine = rec_id(20)
    talk.say("GET", "/snapshots", note="the list of snapshots")
    for scope in (late.scope, "town"):
        talk.say("GET", f"/snapshots/{scope}", note=f"the snapshot of {scope.partition(':')[0]}", Accept_Encoding="gzip")
    title = late.create(mine, "hazard", title="积水", severity="general", status="found")
    late.put(rec_id(1), "hazard", {"owner_unit": reg("示例物业")})
    late.put(mine, "hazard", {"title": reg(7, title)})
    body = late.body(limit=60)
    late.exchange("a push and the first page", limit=60)
    talk.say("POST", "/sync", body, "the same push again, plain", Content_Type="application/x-ndjson")
    late.exchange("the next page", limit=60)
    late.exchange("all the rest", limit=500)
    late.put(mine, "hazard", {"title": reg("积水已排", title)})
    late.put(rec_id(1), "hazard", {"title": reg("第三种说法")})
    late.exchange("an edit, and a conflict with what it had not seen")
    late.exchange("the server knows less than the device thinks", **{"from": late.n + 40, "prev_h": "0badc0de"})
    other = encode_op({"n": 1, "rec": mine, "kind": "hazard", "scope": late.scope, "f": {"note": reg("另一台")}, "at": "2026-11-28T08:00:00+08:00", "user": late.user})
    head = json.dumps({"protocol": 1, "dev": late.dev, "from": 1, "prev_h": GENESIS, "cursor": None, "limit": 1, "schema": 1}).encode()
    assert chain(GENESIS, other) != late.h
    talk.say("POST", "/sync", head + b"\n" + other, "another line under a number that is taken: a fork", Content_Type="application/x-ndjson")
    late.cursor = "bm90IG91cnM"
    late.exchange("a cursor that is not of this server")
    talk.say("POST", "/sync", b'{"protocol":1}', "a header that lacks everything", Content_Type="application/x-ndjson")
    key = sha256(half).hexdigest()
    asked = json.dumps({"sha256": [key]}).encode()
    talk.say("HEAD", f"/files/{key}", note="where an upload stands", **_tus())
    talk.say("PATCH", f"/files/{key}", half[len(half) // 2 :], "the rest of an upload", Upload_Offset=str(len(half) // 2), Content_Type="application/offset+octet-stream", **_tus())
    talk.say("POST", "/files/status", asked, "what the server holds", Content_Type="application/json")
    Talk(server.port, operator, tape).say("POST", "/centre/rescue", rescue, "a rescue bundle is carried in", Content_Type="application/zip")
    return tape
