"""The handhelds of the load generator: each writes its ops and photos beforehand, then delivers as the product does.

Owns their content and their patience: no answer, 429 and 503 are waited out and tried again, anything else is a refusal for good. What
a device changes it has pulled before the storm, so that its ops name the parents it saw: two devices that change the same field conflict.
One thread a device, one kept-alive connection, no timing of its own beyond the moment it returns.
"""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from time import perf_counter
from typing import Any

import orjson

from sync.op import encode_op
from sync.record import Record
from sync.stamp import GENESIS, chain, make_stamp, new_dev

PASSING = (408, 423, 429, 502, 503, 504)
OPS_A_BATCH = 200
PAUSE_SECONDS_MAX = 20.0
PAGE = 500
WORDS = "楼道堆放杂物影响疏散通道通行请及时清理"
MOVES = ("notified", "moving", "arrived", "missing")


def reg(value: Any, *parents: str) -> dict[str, Any]:
    """A register write."""
    return {"k": "reg", "v": value, "b": list(parents)}


@dataclass
class Handheld:
    """One device: what it holds, and what became of it. `data_at` is a reading of the clock, the others are seconds since its return."""

    port: int
    token: str
    user: str
    scope: str
    random: Random
    dev: str = ""
    lines: list[bytes] = field(default_factory=list)
    photos: list[bytes] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    acked: int = 0
    acked_h: str = GENESIS
    verdicts: list[str] = field(default_factory=list)
    data_at: float = 0.0
    data_seconds: float = 0.0
    pulled_seconds: float = 0.0
    photo_seconds: float = 0.0
    trips: int = 0
    records: int = 0
    cursor: str | None = None
    # What it saw: the stamp of a field's head, by kind and record.
    seen: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    waited: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    link: http.client.HTTPConnection | None = None

    def __post_init__(self) -> None:
        """An incarnation of its own."""
        self.dev = new_dev(self.random.randbytes(10))

    def write(self, rec: str, kind: str, fields: dict[str, Any], group: list[Any] | None = None) -> str:
        """An op at the end of the chain; its stamp."""
        n = len(self.lines) + 1
        line = encode_op(
            {"n": n, "rec": rec, "kind": kind, "scope": self.scope, "f": fields, "at": "2026-07-22T05:10:33.120+08:00", "skew": -41,
             "user": self.user, "grant": "g_load", "schema": 1, "app": "1.0.0", "group": group}
        )  # fmt: skip
        self.hashes.append(chain(self.hashes[-1] if self.hashes else GENESIS, line))
        self.lines.append(line)
        return make_stamp(self.dev, n, self.hashes[-1])

    def fill(self, ops: int, photos: list[bytes]) -> None:
        """A shift's work: an attachment a photo, states of the station's people, stock issued, hazards of its own and the station's."""
        self.photos = photos
        for number, photo in enumerate(photos):
            named = {"sha256": sha256(photo).hexdigest(), "size": len(photo), "mime": "image/jpeg", "role": "photo"}
            self.write(self.record_id(1000 + number), "attachment", {"scope": reg(self.scope), "file": {"k": "add", "v": named}})
        last: dict[str, str] = {}
        while len(self.lines) < ops:
            chance = self.random.random()
            if chance < 0.1:
                self._change("hazard", "place", f"{self.random.randrange(90)}号楼")
            elif chance < 0.3:
                self._change("transfer", "status", self.random.choice(MOVES))
            elif chance < 0.4 and len(self.lines) + 2 <= ops:
                self._issue()
            elif chance < 0.6 and last:
                rec = self.random.choice(sorted(last))
                last[rec] = self.write(rec, "hazard", {"note": reg(f"{WORDS}{len(self.lines)}", *([last[rec]] if last[rec] else []))})
            else:
                rec = self.record_id(len(self.lines))
                fields = {"title": WORDS, "hazard_type": "corridor_clutter", "severity": "general", "status": "found", "place": "三号楼二单元"}
                self.write(rec, "hazard", {"scope": reg(self.scope)} | {name: reg(value) for name, value in fields.items()})
                last[rec] = ""

    def _change(self, kind: str, name: str, value: str) -> None:
        """A field of a shared record, upon the head this device saw."""
        rec = self.random.choice(sorted(self.seen[kind]))
        seen = self.seen[kind][rec]
        seen[name] = self.write(rec, kind, {name: reg(value, seen[name])})

    def _issue(self) -> None:
        """A slip and what it takes from a shared lot: both or neither."""
        lot, qty, n = self.random.choice(sorted(self.seen["stock_lot"])), self.random.randint(1, 5), len(self.lines)
        fields = {"scope": self.scope, "lot": lot, "movement_type": "issue", "qty": qty, "reason": "台风安置点"}
        self.write(self.record_id(n), "stock_movement", {name: reg(value) for name, value in fields.items()}, [f"g{n}", 0, 2])
        self.write(lot, "stock_lot", {"on_hand": {"k": "inc", "v": -qty}}, [f"g{n}", 1, 2])

    def record_id(self, number: int) -> str:
        """A UUIDv7-shaped id, distinct among devices."""
        mark = sha256(f"{self.dev}/{number}".encode()).hexdigest()
        return f"01980000-{mark[:4]}-7{mark[4:7]}-8000-{mark[7:19]}"

    def prepare(self, stop: threading.Event) -> None:
        """Before the storm: everything of the station is pulled."""
        while not self.refused and not stop.is_set() and not self._sync(stop):
            pass
        self._hang_up()
        self.trips = self.records = 0

    def deliver(self, stop: threading.Event) -> None:
        """Data first, then what the others did, then the photos; until all is there, refused for good, or the run is stopped."""
        start, complete = perf_counter(), False
        while not complete and not self.refused and not stop.is_set():
            complete = self._sync(stop)
            if not self.data_at and self.acked == len(self.lines):
                self.data_at = perf_counter()
                self.data_seconds = self.data_at - start
        self.pulled_seconds = perf_counter() - start
        for photo in self.photos:
            while not self.refused and not stop.is_set() and not self._upload(photo, stop):
                pass
        self.photo_seconds = perf_counter() - start
        self._hang_up()

    def _hang_up(self) -> None:
        if self.link is not None:
            self.link.close()
            self.link = None

    def _sync(self, stop: threading.Event) -> bool:
        """One round trip; whether everything is sent and everything is here."""
        head = {
            "protocol": 1, "dev": self.dev, "from": self.acked + 1, "prev_h": self.acked_h, "cursor": self.cursor, "limit": PAGE, "schema": 1,
            "status": {"pending": len(self.lines) - self.acked, "files": len(self.photos)},
        }  # fmt: skip
        body = b"\n".join([orjson.dumps(head), *self.lines[self.acked : self.acked + OPS_A_BATCH]])
        answer = self._ask("POST", "/api/v1/sync", body, {"Content-Type": "application/x-ndjson", "Accept-Encoding": "gzip"}, stop)
        if answer is None:
            return False
        data = gzip.decompress(answer[1]) if answer[0].getheader("Content-Encoding") == "gzip" else answer[1]
        told = orjson.loads(data)
        if told.get("fork") or "resend_from" in told:
            self.refused.append(f"chain: {told}")
            return False
        self.verdicts += [each["v"] for each in told["verdicts"]]
        self.acked, self.acked_h, self.cursor = told["acked"], told["acked_h"], told["cursor"]
        self.trips, self.records = self.trips + 1, self.records + len(told["records"])
        if not self.lines:
            for each in told["records"]:
                record = Record.from_wire(each)
                self.seen.setdefault(record.kind, {})[record.id] = {name: live[0][0] for name, live in record.reg.items()}
        return not told["more"] and self.acked == len(self.lines)

    def _upload(self, photo: bytes, stop: threading.Event) -> bool:
        key = sha256(photo).hexdigest()
        named = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in {"sha256": key, "mime": "image/jpeg", "role": "photo"}.items())
        tus = {"Tus-Resumable": "1.0.0"}
        if self._ask("POST", "/api/v1/files", b"", tus | {"Upload-Length": str(len(photo)), "Upload-Metadata": named}, stop) is None:
            return False
        found = self._ask("HEAD", f"/api/v1/files/{key}", None, tus, stop)
        if found is None:
            return False
        offset = int(found[0].getheader("Upload-Offset") or 0)
        if offset == len(photo):
            return True
        headers = tus | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        return self._ask("PATCH", f"/api/v1/files/{key}", photo[offset:], headers, stop) is not None

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], stop: threading.Event
    ) -> tuple[http.client.HTTPResponse, bytes] | None:
        """One request; nothing when it must be tried again, after the pause the server asked for."""
        pause, why = self.random.uniform(0.5, 2.0), "no answer"
        try:
            if self.link is None:
                self.link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            self.link.request(method, path, body, {"Authorization": f"Bearer {self.token}", **headers})
            answer = self.link.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException):
            self._hang_up()
        else:
            if answer.status < 300:
                return answer, data
            if answer.status not in PASSING:
                self.refused.append(f"{method} {path}: {answer.status} {json.loads(data or b'{}').get('code')}")
                return None
            why = str(answer.status)
            pause = min(PAUSE_SECONDS_MAX, float(answer.getheader("Retry-After") or pause))
        self.waited[why] += 1
        stop.wait(pause)
        return None
