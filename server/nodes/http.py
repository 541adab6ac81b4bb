"""A hub's way to its centre over HTTP: address, token, time-outs. Owns the requests of a meeting; knows no table."""

from __future__ import annotations

import zlib
from typing import Any

import orjson
import urllib3

SECONDS = urllib3.Timeout(connect=10, read=60)
GZIP_BYTES_MIN = 1_000


class LinkDown(Exception):
    """The centre could not be reached or refused; the sentence says which."""


class Link:
    """A centre's address and this hub's token."""

    def __init__(self, url: str, token: str) -> None:
        """`url` without a path; `token` as `flask node add` printed it at the centre."""
        self.base = f"{url}/api/v1"
        self.headers = {"Authorization": f"Bearer {token}"}
        self.pool = urllib3.PoolManager(timeout=SECONDS, retries=urllib3.Retry(2, redirect=False, status=0))

    def call(
        self, method: str, path: str, body: bytes | None = None, ok: int = 200, headers: dict[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        """One request; any other answer than `ok` is LinkDown."""
        try:
            answer = self.pool.request(method, f"{self.base}{path}", body=body, headers=self.headers | (headers or {}))
        except urllib3.exceptions.HTTPError as error:
            raise LinkDown(f"{method} {path}: {type(error).__name__}") from error
        if answer.status != ok:
            raise LinkDown(f"{method} {path}: {answer.status} {_code(answer.data)}")
        return answer

    def send(self, message: bytes) -> bytes:
        """The wire of a meeting."""
        packed = len(message) > GZIP_BYTES_MIN
        body = zlib.compress(message, 6, wbits=31) if packed else message
        more = {"Content-Encoding": "gzip"} if packed else {}
        return self.call("POST", "/nodes/meet", body, headers={"Content-Type": "application/x-ndjson"} | more).data

    def ask(self, path: str, value: Any) -> Any:
        """A question in JSON."""
        return orjson.loads(self.call("POST", path, orjson.dumps(value), headers={"Content-Type": "application/json"}).data)


def _code(body: bytes) -> str:
    try:
        return str(orjson.loads(body)["code"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""
