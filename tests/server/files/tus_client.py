"""A tus 1.0 client over Flask's test client, and the ops that make a file readable. Holds no assertion of its own subject."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Any

from werkzeug.test import TestResponse

from tests.server.edge.people import SCOPE, Client

OCTETS = "application/offset+octet-stream"


def key_of(data: bytes) -> str:
    """The identity of a file."""
    return sha256(data).hexdigest()


def metadata(**values: str) -> str:
    """The Upload-Metadata header."""
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())


class Tus:
    """Uploads of one signed-in device."""

    def __init__(self, client: Client) -> None:
        """`client` is the signed-in device."""
        self.client = client

    def call(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> TestResponse:
        """Any request with the tus version."""
        return self.client.call(method, path, headers={"Tus-Resumable": "1.0.0", **(headers or {})}, **more)

    def create(self, key: str, length: int, mime: str = "image/jpeg", **headers: str) -> TestResponse:
        """Tus creation."""
        wanted = {"Upload-Length": str(length), "Upload-Metadata": metadata(sha256=key, mime=mime, role="photo")}
        return self.call("POST", "/files", wanted | headers)

    def head(self, key: str) -> TestResponse:
        """Ask for the offset."""
        return self.call("HEAD", f"/files/{key}")

    def patch(self, key: str, offset: int, data: bytes, **headers: str) -> TestResponse:
        """Send bytes at an offset."""
        wanted = {"Upload-Offset": str(offset), "Content-Type": OCTETS}
        return self.call("PATCH", f"/files/{key}", wanted | {name.replace("_", "-"): value for name, value in headers.items()}, data=data)

    def upload(self, data: bytes, mime: str = "image/jpeg") -> str:
        """A whole file in one go; gives its key."""
        key = key_of(data)
        assert self.create(key, len(data), mime).status_code == 201
        assert self.patch(key, 0, data).status_code == 204
        return key

    def attach(self, key: str, scope: str = SCOPE) -> None:
        """Push an attachment that names the file."""
        first, prev_h = self.client.n + 1, self.client.h
        fields = {
            "scope": {"k": "reg", "v": scope, "b": []},
            "file": {"k": "add", "v": {"sha256": key, "size": 1, "mime": "image/jpeg", "role": "photo"}},
        }
        line = self.client.line(f"0198-{key[:12]}-{self.client.dev[:8]}-{first}", fields, kind="attachment", scope=scope)
        answer = self.client.sync([line], first, prev_h)
        assert answer.json["verdicts"][0]["v"] == "applied", answer.json

    def state(self, key: str) -> str | None:
        """What the server says of the file."""
        have = self.client.call("POST", "/files/status", json={"sha256": [key]}).json["have"]
        return have[0]["state"] if have else None
