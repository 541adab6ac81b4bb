"""HTTP of the ledger: the one round trip, the snapshots and their list. Holds no SQL and decides nothing.

Invariants: a body is bounded before and after decompression; a revoked device may still send (all of it is kept and set
aside) but gets nothing.
"""

from __future__ import annotations

import io
import zlib
from typing import Any

from flask import Blueprint, Response, request, send_file
from marshmallow import Schema, fields

from server.accounts.calling import settings
from server.accounts.devices import contact
from server.accounts.rights import Caller
from server.brakes import SYNC
from server.db import db
from server.errors import fail
from server.ledger import snapshots
from server.ledger import sync as ledger_sync
from server.ledger.clock import now_ms
from server.web import refusals
from server.web.digest import digest_of, is_damaged
from server.web.endpoint import endpoint

bp = Blueprint("sync", __name__, url_prefix="/api/v1")
NDJSON = "application/x-ndjson"


def read_body(limit: int) -> bytes:
    """The request body, gunzipped if need be, never more than `limit` bytes. Raises `too_large` or `bad_encoding`."""
    raw = request.get_data(cache=False)
    if is_damaged(request.headers.get("Content-Digest"), raw):
        raise fail("bad_encoding")
    if request.headers.get("Content-Encoding", "identity") == "identity":
        return raw
    if request.headers["Content-Encoding"] != "gzip":
        raise fail("bad_encoding")
    unpacker = zlib.decompressobj(wbits=31)
    try:
        body = unpacker.decompress(raw, limit + 1)
    except zlib.error:
        raise fail("bad_encoding") from None
    if len(body) > limit or unpacker.unconsumed_tail:
        raise fail("too_large")
    if not unpacker.eof:
        raise fail("bad_encoding")
    return body


@endpoint(
    bp, "POST", "/sync", auth="device", allow_revoked=True, body=NDJSON, brake=SYNC,
    errors=("bad_header", "bad_batch", "bad_encoding", "rebase"), summary="Push op lines and pull record states",
)  # fmt: skip
def sync(caller: Caller) -> Response:
    """One round trip (protocol section 5)."""
    body = read_body(settings().body_bytes_max)
    at = now_ms()
    session = db.session()
    with contact(session, caller.device_id, at, body):
        answer = ledger_sync.exchange(session, caller, body, at, refusals.tell_fork)
    response = Response(answer, mimetype="application/json", headers={"Unencoded-Digest": digest_of(answer)})
    if len(answer) > 2048 and "gzip" in request.headers.get("Accept-Encoding", ""):
        packer = zlib.compressobj(5, wbits=31)
        response.set_data(packer.compress(answer) + packer.flush())
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding, Authorization"
    return response


class SnapshotsIn(Schema):
    """Scopes, separated by commas; none means all of the caller's."""

    scopes = fields.String(load_default="")


@endpoint(bp, "GET", "/snapshots", query=SnapshotsIn, brake=SYNC, summary="What a new device loads first, and the cursor to pull from")
def snapshot_list(caller: Caller, query: dict[str, str]) -> dict[str, Any]:
    """The snapshots of the caller's scopes; `scopes` narrows them."""
    wanted = query["scopes"]
    feeds = ledger_sync.narrowed(caller.feeds, tuple(wanted.split(",")) if wanted else None)
    return snapshots.listing(db.session(), feeds, settings().data_dir)


@endpoint(
    bp, "GET", "/snapshots/<path:scope>", returns=NDJSON, also={206: "A part of it", 304: "Not changed"}, brake=SYNC,
    errors=("not_found", "bad_range"),
    summary="One scope as gzip NDJSON packs; immutable, resumable",
)  # fmt: skip
def snapshot(caller: Caller, scope: str) -> Response:
    """The file of one scope, as the caller's device holds it."""
    feeds = ledger_sync.narrowed(caller.feeds, (scope,))
    if not feeds:
        raise fail("not_found")
    found = snapshots.get(db.session(), feeds[0], settings().data_dir)
    response = send_file(io.BytesIO(snapshots.content(found)), mimetype=NDJSON, etag=found.etag, conditional=True)
    response.headers["Content-Encoding"] = "gzip"
    # A browser's cache is not sealed: what the app keeps lies under the PIN, and nowhere else (M-50).
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Snapshot-Seq"] = str(found.seq)
    return response
