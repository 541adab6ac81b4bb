"""Helpers that enrol devices and sign people in through the HTTP API."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from server.accounts import service
from server.db import unit
from server.ledger.clock import now_ms
from sync.op import encode_op
from sync.stamp import GENESIS, chain, new_dev

AT = 1_760_000_000_000
PASSWORD = "demo-pass-2026"
STATION_CODE = "310199101007"
SCOPE = f"station:{STATION_CODE}"
_numbers = itertools.count(1)


@dataclass
class Client:
    """One signed-in device."""

    app: Flask
    device_token: str
    token: str
    user_id: str
    dev: str
    n: int = 0
    h: str = GENESIS

    def call(self, method: str, path: str, **more: Any) -> TestResponse:
        """Call the API as this user."""
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return self.app.test_client().open(f"/api/v1{path}", method=method, headers=headers, **more)

    def line(self, rec: str, fields: dict[str, Any], kind: str = "hazard", scope: str = SCOPE) -> bytes:
        """The next op line of this device."""
        self.n += 1
        line = encode_op(
            {"n": self.n, "rec": rec, "kind": kind, "scope": scope, "f": fields, "at": "2026-11-22T05:10:33+08:00", "user": self.user_id}
        )
        self.h = chain(self.h, line)
        return line

    def sync(self, lines: list[bytes], first: int, prev_h: str, **header: Any) -> TestResponse:
        """One round trip."""
        head = {"protocol": 1, "dev": self.dev, "from": first, "prev_h": prev_h, "cursor": None, "schema": 1, **header}
        body = b"\n".join([json.dumps(head).encode(), *lines])
        return self.call("POST", "/sync", data=body, content_type="application/x-ndjson")


class Person:
    """Makes clients."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def code(self) -> str:
        """A fresh enrolment code."""
        with self.app.app_context(), unit() as session:
            return service.make_code(session, self.app.extensions["xunan"], now_ms(), "test", "handheld", STATION_CODE)[0]

    def enrol(self) -> dict[str, Any]:
        """A new device."""
        answer = self.app.test_client().post("/api/v1/enrol", json={"code": self.code()})
        assert answer.status_code == 200, answer.json
        found: dict[str, Any] = answer.json
        return found

    def __call__(self, username: str) -> Client:
        """A new device with this user signed in."""
        device = self.enrol()
        answer = self.app.test_client().post(
            "/api/v1/login", json={"username": username, "password": PASSWORD},
            headers={"Authorization": f"Bearer {device['device_token']}"},
        )  # fmt: skip
        assert answer.status_code == 200, answer.json
        body = answer.json
        return Client(self.app, device["device_token"], body["grant_token"], body["user"]["id"], new_dev(bytes([next(_numbers) % 256] * 10)))
