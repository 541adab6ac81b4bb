"""Bytes that changed on their way are noticed on both ends, and nothing of them is stored (P-31)."""

from __future__ import annotations

import gzip
import json

from flask import Flask
from sqlalchemy import text

from server.db import db
from server.web.digest import digest_of, is_damaged
from sync.stamp import GENESIS
from tests.server.edge.people import SCOPE, Client, Person

NDJSON = {"Content-Type": "application/x-ndjson"}


def body_of(client: Client) -> bytes:
    line = client.line("0198-a", {"scope": {"k": "reg", "v": SCOPE, "b": []}, "title": {"k": "reg", "v": "crack", "b": []}})
    head = {"protocol": 1, "dev": client.dev, "from": 1, "prev_h": GENESIS, "cursor": None, "limit": 1, "schema": 1}
    return json.dumps(head).encode() + b"\n" + line


def stored(app: Flask) -> int:
    with app.app_context():
        count = int(db.session.execute(text("SELECT COUNT(*) FROM op_log")).scalar_one())
        db.session.rollback()
        return count


def test_a_damaged_push_is_sent_again_and_stored_once_p_31(app: Flask, person: Person) -> None:
    client = person("patroller")
    body = body_of(client)
    headers = NDJSON | {"Content-Digest": digest_of(body)}
    answer = client.call("POST", "/sync", data=body.replace(b"crack", b"crock"), headers=headers)
    assert (answer.status_code, answer.json["code"]) == (400, "bad_encoding")
    assert stored(app) == 0
    whole = client.call("POST", "/sync", data=body, headers=headers)
    assert (whole.status_code, whole.json["acked"]) == (200, 1)
    assert whole.headers["Unencoded-Digest"] == digest_of(whole.data)
    assert stored(app) == 1


def test_the_digest_is_that_of_the_bytes_as_sent_p_31(app: Flask, person: Person) -> None:
    client = person("patroller")
    packed = gzip.compress(body_of(client))
    answer = client.call("POST", "/sync", data=packed, headers=NDJSON | {"Content-Encoding": "gzip", "Content-Digest": digest_of(packed)})
    assert answer.json["acked"] == 1


def test_what_says_nothing_of_the_body_is_no_reason_to_refuse_it() -> None:
    for told in (None, "", "sha-512=:AAAA:", "sha-256=AAAA", "sha-256=:%%%:", "md5=:AAAA:, "):
        assert not is_damaged(told, b"body")
    assert is_damaged(f"sha-512=:AAAA:, {digest_of(b'other')}", b"body")
