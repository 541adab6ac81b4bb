"""The town of the bench: a real gunicorn pinned to one core, enrolled devices, and prepared request bodies.

Bodies are encoded before the clock starts, so that the load generator (the other core) costs little while it runs.
"""

from __future__ import annotations

import gzip
import http.client
import json
import os
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import orjson
import psycopg

from sync.op import encode_op
from sync.stamp import GENESIS, chain, make_stamp, new_dev
from tests.tools.serving import PASSWORD, Server, free_port

WORDS = "楼道堆放杂物影响疏散通道通行请及时清理"
# Less than server/accounts/sessions.py CONFIRM_MS.
CONFIRMED_SECONDS = 240
AT = "2026-11-22T05:10:33.120+08:00"


def reg(value: Any, *parents: str) -> dict[str, Any]:
    """A register write."""
    return {"k": "reg", "v": value, "b": list(parents)}


@dataclass
class Device:
    """An incarnation with its chain, its connection and its cursor."""

    port: int
    token: str
    user: str
    dev: str
    n: int = 0
    h: str = GENESIS
    first: int = 1
    prev_h: str = GENESIS
    lines: list[bytes] = field(default_factory=list)
    cursor: str | None = None
    link: http.client.HTTPConnection | None = None

    def write(self, rec: str, scope: str, fields: dict[str, Any], kind: str = "hazard") -> str:
        """Add an op to the next body; returns its stamp."""
        self.n += 1
        line = encode_op(
            {"n": self.n, "rec": rec, "kind": kind, "scope": scope, "f": fields, "at": AT, "skew": -41, "user": self.user,
             "grant": "g_bench", "schema": 1, "app": "1.0.0"}
        )  # fmt: skip
        self.h = chain(self.h, line)
        self.lines.append(line)
        return make_stamp(self.dev, self.n, self.h)

    def body(self, scopes: list[str] | None = None, limit: int = 500) -> bytes:
        """A request with everything written since the last one; an empty list of scopes asks for nothing back."""
        head = {"protocol": 1, "dev": self.dev, "from": self.first, "prev_h": self.prev_h, "cursor": self.cursor, "limit": limit, "schema": 1, "scopes": scopes}
        made = b"\n".join([orjson.dumps(head), *self.lines]) + b"\n"
        self.lines, self.first, self.prev_h = [], self.n + 1, self.h
        return made

    def call(self, method: str, path: str, body: bytes | None = None, kind: str = "application/x-ndjson") -> tuple[bytes, int]:
        """One request over this device's kept-alive connection; returns the decoded body and its bytes on the wire."""
        if self.link is None:
            self.link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {"Authorization": f"Bearer {self.token}", "Accept-Encoding": "gzip"}
        if body is not None:
            headers["Content-Type"] = kind
        self.link.request(method, path, body=body, headers=headers)
        answer = self.link.getresponse()
        raw = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {raw[:300]!r}")
        packed = answer.getheader("Content-Encoding") == "gzip"
        return (gzip.decompress(raw) if packed else raw), len(raw)

    def fetch(self, path: str) -> int:
        """A download, left packed; its bytes."""
        if self.link is None:
            self.link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        self.link.request("GET", path, headers={"Authorization": f"Bearer {self.token}", "Accept-Encoding": "gzip"})
        return len(self.link.getresponse().read())

    def catch_up(self) -> None:
        """Load the cursor of the snapshots, as a new device does, and pull what came since."""
        self.cursor = orjson.loads(self.call("GET", "/api/v1/snapshots")[0])["cursor"]
        while self.sync(self.body())["more"]:
            pass

    def sync(self, body: bytes) -> dict[str, Any]:
        """One round trip that must be stored."""
        answer: dict[str, Any] = orjson.loads(self.call("POST", "/api/v1/sync", body)[0])
        if "fork" in answer or "resend_from" in answer:
            raise RuntimeError(f"not stored: {answer}")
        self.cursor = answer["cursor"]
        return answer


class BenchTown:
    """One server with its data and its devices."""

    def __init__(self, folder: Path, database_url: str | None = None, workers: int = 1, pinned: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.database_url = database_url
        self.random = Random(7)
        self.server = Server(folder, free_port(), stations=1, records=12, database_url=database_url, more={"XUNAN_BRAKES_TIMES": "1000"})
        self.server.environment["WEB_WORKERS"] = str(workers)
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        if pinned and len(cores) > 1:
            # Children inherit the affinity: the server gets the first core, the load the others.
            os.sched_setaffinity(0, cores[:1])
            self.server.start()
            os.sched_setaffinity(0, cores[1:])
        else:
            self.server.start()
        self.cores = cores
        self.port = self.server.port
        self._operator, self._signed_in = "", -CONFIRMED_SECONDS
        self.station = self.server.run("post", "list", "patrol01a").split("\t")[2]
        self.scope = f"station:{self.station}"

    def close(self) -> None:
        """Stop the server and give the cores back."""
        self.server.kill9()
        if self.cores:
            os.sched_setaffinity(0, self.cores)

    def query(self, sql: str, *values: Any) -> list[Any]:
        """Rows read from the server's database; parameters are `?`."""
        if self.database_url is not None:
            with psycopg.connect(self.database_url) as connection:
                return connection.execute(sql.replace("?", "%s"), values).fetchall()
        with sqlite3.connect(f"file:{self.folder}/town.db?mode=ro", uri=True) as reader:
            return reader.execute(sql, values).fetchall()

    def _post(self, path: str, body: dict[str, Any], token: str | None) -> dict[str, Any]:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        link.request("POST", path, body=json.dumps(body), headers=headers)
        answer = link.getresponse()
        raw = answer.read()
        link.close()
        if answer.status >= 300:
            raise RuntimeError(f"POST {path}: {answer.status} {raw[:300]!r}")
        found: dict[str, Any] = json.loads(raw)
        return found

    def operator(self) -> str:
        """A token of somebody who has just signed in: whoever enrols devices is asked again now and then."""
        if monotonic() - self._signed_in >= CONFIRMED_SECONDS:
            answer = self._post("/api/v1/login", {"username": "operator", "password": PASSWORD, "desk": True}, None)
            self._operator, self._signed_in = answer["grant_token"], monotonic()
        return self._operator

    def device(self) -> Device:
        """Enrol a handheld and sign in patrol01a."""
        code = self._post("/api/v1/admin/device-codes", {"name": "bench", "station_code": self.station}, self.operator())["code"]
        enrolled = self._post("/api/v1/enrol", {"code": code}, None)
        signed = self._post("/api/v1/login", {"username": "patrol01a", "password": PASSWORD}, enrolled["device_token"])
        return Device(self.port, signed["grant_token"], signed["user"]["id"], new_dev(self.random.randbytes(10)))

    def record_id(self, number: int) -> str:
        """A UUIDv7-shaped id."""
        return f"01980000-{number >> 16 & 0xFFFF:04x}-7{number % 4096:03x}-8000-{self.random.getrandbits(48):012x}"

    def hazard_fields(self, number: int) -> dict[str, Any]:
        """Twelve fields, about 450 bytes."""
        return {
            "scope": reg(self.scope), "code": reg(f"K7-{number:05d}"), "title": reg(f"{WORDS}{number}"),
            "hazard_type": reg("corridor_clutter"), "severity": reg("general"), "status": reg("found"),
            "place": reg("三号楼二单元"), "block": reg(f"{self.station}001"), "measure": reg(WORDS),
            "owner_unit": reg("示例物业服务有限公司"), "due": reg("2026-12-01"), "found_at": reg(AT),
        }  # fmt: skip
