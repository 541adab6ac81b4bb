"""HTTP of the centre's side of a meeting (P-60). Thin; only a device of kind `node` is let in."""

from __future__ import annotations

import zlib
from typing import Any

from flask import Blueprint, Response, request, stream_with_context
from marshmallow import EXCLUDE, Schema, fields, validate

from server.accounts.calling import settings
from server.accounts.rights import Caller
from server.db import db
from server.errors import fail
from server.files.models import StoredFile
from server.files.routes import uploads
from server.ledger.clock import now_ms
from server.nodes import accounts
from server.nodes.files import listed
from server.nodes.meeting import identity, serve
from server.nodes.wire import TIME_MS_MAX
from server.web.endpoint import endpoint
from server.web.sync_routes import NDJSON, read_body

bp = Blueprint("nodes", __name__, url_prefix="/api/v1/nodes")


def _word(most: int, **more: Any) -> fields.String:
    return fields.String(validate=[validate.Length(max=most), validate.ContainsNoneOf("\0")], **more)


def _time(**more: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(0, TIME_MS_MAX), **more)


class GrantIn(Schema):
    """A sign-in as a hub has it; what a later version says besides is left out."""

    class Meta:
        """A hub may be newer."""

        unknown = EXCLUDE

    id = _word(40, required=True)
    user_id = _word(40, required=True)
    device_id = _word(40, required=True)
    token_hash = _word(64, required=True)
    created_at = _time(required=True)
    expires_at = _time(required=True)
    revoked_at = _time(load_default=None, allow_none=True)
    seen_at = _time(load_default=None, allow_none=True)
    confirmed_at = _time(load_default=None, allow_none=True)
    address = _word(60, load_default=None, allow_none=True)


class SeenIn(Schema):
    """What a device said of itself at a hub."""

    class Meta:
        """A hub may be newer."""

        unknown = EXCLUDE

    id = _word(40, required=True)
    last_seen = _time(required=True)
    status = fields.Dict(load_default=None, allow_none=True)


class AccountsIn(Schema):
    """What a hub knows and what it heard."""

    node = fields.String(required=True)
    known = fields.String(required=True)
    grant = fields.List(fields.Nested(GrantIn), required=True)
    device = fields.List(fields.Nested(SeenIn), required=True)


class AccountsOut(Schema):
    """The centre's name and, when the hub knows others, all of its accounts."""

    node = fields.String(required=True)
    epoch = fields.String(required=True)
    digest = fields.String(required=True)
    rows = fields.Dict(required=True)


class FilesIn(Schema):
    """Where to go on: stored-at and hash of the last file of the page before."""

    after = fields.Tuple((fields.Integer(), fields.String()), required=True)


class FilesOut(Schema):
    """Files in the order in which they were stored: stored-at, hash, type."""

    files = fields.List(fields.Raw(), required=True)


@endpoint(
    bp, "POST", "/meet", auth="node", body=NDJSON, returns=NDJSON, errors=("bad_header", "bad_batch", "bad_encoding", "same_node"),
    summary="One message of a meeting of two nodes: ops by version vector",
)  # fmt: skip
def meet(caller: Caller) -> Response:
    """Take what the hub brings, tell what it asks for."""
    body = serve(db.session(), read_body(settings().body_bytes_max), now_ms(), caller.device_id)
    response = Response(body, mimetype=NDJSON)
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        packer = zlib.compressobj(5, wbits=31)
        response.set_data(packer.compress(body) + packer.flush())
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Cache-Control"] = "no-store"
    return response


@endpoint(bp, "POST", "/accounts", auth="node", body=AccountsIn, returns=AccountsOut, summary="Accounts for a hub, sign-ins made there")
def exchange_accounts(caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    """Sign-ins of the hub come in, accounts of the town go out."""
    session = db.session()
    me = identity(session)
    if body["node"] == me.node:
        raise fail("same_node")
    accounts.welcome(session, settings(), body, now_ms(), caller.device_id)
    digest, rows = accounts.told(session)
    return {"node": me.node, "epoch": me.epoch, "digest": digest, "rows": {} if digest == body["known"] else rows}


@endpoint(bp, "POST", "/files", auth="node", body=FilesIn, returns=FilesOut, summary="Complete files, in the order in which they came")
def files(caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    """One page."""
    return {"files": listed(db.session(), body["after"])}


@endpoint(bp, "GET", "/files/<sha256>", auth="node", returns="application/octet-stream", errors=("not_found",), summary="The bytes of a file")
def read_file(caller: Caller, sha256: str) -> Response:
    """Whole, as stored."""
    stored = db.session.get(StoredFile, sha256)
    if stored is None:
        raise fail("not_found")
    try:
        stream = uploads().store.open(stored.sha256)
    except FileNotFoundError:
        raise fail("not_found") from None

    def body() -> Any:
        with stream:
            while chunk := stream.read(1 << 16):
                yield chunk

    response = Response(stream_with_context(body()), mimetype="application/octet-stream")
    response.headers["Content-Length"] = str(stored.size)
    response.headers["Cache-Control"] = "no-store"
    return response
