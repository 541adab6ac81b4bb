"""HTTP of files: tus 1.0 (core, creation, checksum, expiration, termination) and reading. Thin.

Who may upload: any enrolled device, each its own. Who may read: whoever may read a record that opens the file (`refs.py`). Nobody
else learns that a file is here. A file is always sent as data, never as a page.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any, cast

from flask import Blueprint, Response, current_app, request, stream_with_context
from marshmallow import Schema, fields, validate
from werkzeug.exceptions import ClientDisconnected

from server.accounts.rights import NODE, Caller
from server.brakes import FILE, MIB, UPLOAD, UPLOAD_MIB
from server.db import db
from server.errors import fail
from server.files.media import SIZES
from server.files.models import FROM_NODE, StoredFile
from server.files.refs import held_files, is_brought_by, may_read
from server.files.tus import CHECKSUMS, EXPIRE_MS, Begun, Uploads, find_upload
from server.ledger.clock import now_ms
from server.web.endpoint import brake_on, endpoint

bp = Blueprint("files", __name__, url_prefix="/api/v1/files")
TUS = {"Tus-Resumable": "1.0.0", "Cache-Control": "no-store"}
KEY = re.compile(r"[0-9a-f]{64}\Z")
MIME = re.compile(r"[a-z]+/[a-z0-9.+-]{1,60}\Z")
OCTETS = "application/offset+octet-stream"
# A connection that is reset loses at most one chunk; a silent one gives its thread back.
CHUNK_BYTES = 16 * 1024
SILENCE_SECONDS_MAX = 60
# Only these are shown inside the page; anything else is a download.
SHOWN = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/avif"})


class TusIn(Schema):
    """Which protocol is spoken."""

    version = fields.String(required=True, data_key="Tus-Resumable", validate=validate.Equal("1.0.0"))


class ChecksumIn(TusIn):
    """The checksum of this request's body: `sha256` and its Base64."""

    checksum = fields.String(data_key="Upload-Checksum")


class CreateIn(ChecksumIn):
    """Length and, as tus metadata in Base64, `sha256` and `mime`."""

    length = fields.Integer(required=True, data_key="Upload-Length", validate=validate.Range(min=0))
    metadata = fields.String(required=True, data_key="Upload-Metadata")


class PatchIn(ChecksumIn):
    """Where the bytes go."""

    offset = fields.Integer(required=True, data_key="Upload-Offset", validate=validate.Range(min=0))


class VariantIn(Schema):
    """A small version instead: `thumb` or `preview`; anything else is the file itself."""

    variant = fields.String(load_default="")


class StatusIn(Schema):
    """Hashes to ask about."""

    sha256 = fields.List(
        fields.String(validate=validate.Regexp(r"^[0-9a-f]{64}$")), required=True, validate=validate.Length(max=500)
    )


class FileOut(Schema):
    """One complete file."""

    sha256 = fields.String(required=True)
    size = fields.Integer(required=True)
    state = fields.String(required=True)


class StatusOut(Schema):
    """The files of the question that are complete and verified here."""

    have = fields.List(fields.Nested(FileOut), required=True)


def uploads() -> Uploads:
    """The uploads of the running app."""
    return cast("Uploads", current_app.extensions["xunan_uploads"])


def _source(caller: Caller) -> str:
    """Who brings what this caller sends."""
    return FROM_NODE if caller.dev_kind == NODE else caller.device_id


def _own(caller: Caller, key: str) -> tuple[Begun | None, StoredFile | None]:
    """The caller's upload of a file, and the file when it is complete and he brought it."""
    session, source = db.session(), _source(caller)
    stored = session.get(StoredFile, key) if is_brought_by(session, key, source) else None
    return find_upload(session, key, source), stored


def _key(sha256: str) -> str:
    if not KEY.match(sha256):
        raise fail("not_found")
    return sha256


def _check_version() -> None:
    if request.headers.get("Tus-Resumable") != "1.0.0":
        raise fail("bad_version", headers={"Tus-Version": "1.0.0"})


def _number(name: str) -> int:
    text = request.headers.get(name, "")
    if not (text.isascii() and text.isdecimal()) or len(text) > 15:
        raise fail("bad_request", reason=name)
    return int(text)


def _metadata() -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in request.headers.get("Upload-Metadata", "").split(","):
        name, _, value = pair.strip().partition(" ")
        try:
            found[name] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError):
            raise fail("bad_request", reason="Upload-Metadata") from None
    return found


def _checksum() -> tuple[str, bytes] | None:
    header = request.headers.get("Upload-Checksum")
    if header is None:
        return None
    algorithm, _, value = header.partition(" ")
    if algorithm not in CHECKSUMS:
        raise fail("bad_request", reason="Upload-Checksum")
    try:
        return algorithm, base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise fail("bad_request", reason="Upload-Checksum") from None


def _reply(status: int, **headers: str) -> Response:
    response = Response(status=status)
    response.headers.update(TUS)
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    del response.headers["Content-Type"]  # there is nothing to have a type
    return response


def body_chunks(bytes_max: int) -> Iterator[bytes]:
    """The body of this request until it ends, breaks or falls silent; what came before a break counts."""
    request.max_content_length = bytes_max
    socket = request.environ.get("gunicorn.socket")
    if socket is not None:
        socket.settimeout(SILENCE_SECONDS_MAX)
    while True:
        try:
            chunk = request.stream.read(CHUNK_BYTES)
        except (OSError, ClientDisconnected):
            return
        if not chunk:
            return
        yield chunk


def _receive(begun: Begun, start: int) -> int:
    """Take the body of this request into the upload; returns the new offset."""
    at = uploads().append(begun.part, start, begun.length, body_chunks(uploads().settings.upload_bytes_max), _checksum())
    uploads().finish(db.session(), begun.sha256, begun.device_id, now_ms())
    return at


@endpoint(bp, "OPTIONS", "", auth="none", returns="", status=204, summary="What this tus server can do")
def options() -> Response:
    """Capabilities."""
    return _reply(
        204, Tus_Version="1.0.0", Tus_Extension="creation,creation-with-upload,checksum,expiration,termination",
        Tus_Checksum_Algorithm=",".join(CHECKSUMS), Tus_Max_Size=str(uploads().settings.upload_bytes_max),
    )  # fmt: skip


@endpoint(
    bp, "POST", "", auth="device", body=OCTETS, headers=CreateIn, returns="", status=201, brake=UPLOAD,
    errors=("bad_version", "bad_request", "checksum_mismatch", "locked", "offset_mismatch", "storage_full"),
    summary="Begin (or find) the upload of a file by its SHA-256",
)  # fmt: skip
def create(caller: Caller) -> Response:
    """Tus creation; a file that is already complete answers Upload-Offset = its length."""
    _check_version()
    length = _number("Upload-Length")
    metadata = _metadata()
    key = metadata.get("sha256", "")
    if not KEY.match(key):
        raise fail("bad_request", reason="sha256")
    mime = metadata.get("mime", "application/octet-stream")
    if not MIME.match(mime):
        mime = "application/octet-stream"
    row, stored = _own(caller, key)
    # Another length than the one that was counted is another upload.
    known = stored is not None or (row is not None and row.length == length)
    db.session.rollback()
    if not known and length <= uploads().settings.upload_bytes_max:
        brake_on(UPLOAD_MIB, caller, -(-length // MIB))
    at = now_ms()
    offset = uploads().create(db.session(), key, length, mime, _source(caller), at)
    begun, _ = _own(caller, key)
    db.session.rollback()
    if request.mimetype == OCTETS and offset == 0 and begun is not None and length > 0:
        offset = _receive(begun, 0)
    return _reply(
        201, Location=f"/api/v1/files/{key}", Upload_Offset=str(offset),
        Upload_Expires=formatdate((at + EXPIRE_MS) / 1000, usegmt=True),
    )  # fmt: skip


@endpoint(
    bp, "PATCH", "/<sha256>", auth="device", body=OCTETS, headers=PatchIn, returns="", status=204, brake=FILE,
    errors=("bad_version", "not_found", "offset_mismatch", "locked", "checksum_mismatch", "storage_full", "bad_request"),
    summary="Continue an upload at its offset",
)  # fmt: skip
def patch(caller: Caller, sha256: str) -> Response:
    """Tus core."""
    _check_version()
    key = _key(sha256)
    if request.mimetype != OCTETS:
        raise fail("bad_media_type")
    start = _number("Upload-Offset")
    row, stored = _own(caller, key)
    db.session.rollback()
    if stored is not None:
        return _reply(204, Upload_Offset=str(stored.size))
    if row is None:
        raise fail("not_found")
    at = _receive(row, start)
    return _reply(204, Upload_Offset=str(at))


@endpoint(bp, "DELETE", "/<sha256>", auth="device", headers=TusIn, returns="", status=204, brake=FILE, errors=("bad_version", "not_found"),
    summary="Drop an upload under way",
)  # fmt: skip
def terminate(caller: Caller, sha256: str) -> Response:
    """Tus termination; only the device that began it."""
    _check_version()
    row, _ = _own(caller, _key(sha256))
    if row is None:
        raise fail("not_found")
    db.session.rollback()
    uploads().cancel(db.session(), sha256, _source(caller))
    return _reply(204)


@endpoint(bp, "POST", "/status", auth="device", body=StatusIn, returns=StatusOut, brake=FILE, summary="Which of these files are complete")
def status(caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    """What a device asks before it calls a file delivered."""
    rows = held_files(db.session(), body["sha256"], _source(caller))
    return {"have": [{"sha256": row.sha256, "size": row.size, "state": row.state} for row in rows]}


def _head(caller: Caller, key: str) -> Response:
    _check_version()
    row, stored = _own(caller, key)
    if row is not None and uploads().offset(row.part) >= row.length:
        # Everything had arrived, but the last step failed (store down, crash): it is made up for here.
        uploads().finish(db.session(), key, row.device_id, now_ms())
        row, stored = _own(caller, key)
    if stored is not None:
        return _reply(200, Upload_Offset=str(stored.size), Upload_Length=str(stored.size))
    if row is None:
        raise fail("not_found")
    return _reply(
        200, Upload_Offset=str(uploads().synced_offset(row.part)), Upload_Length=str(row.length),
        Upload_Expires=formatdate(row.expires_at / 1000, usegmt=True),
    )  # fmt: skip


@endpoint(
    bp, "GET", "/<sha256>", auth="device", query=VariantIn, returns="*/*", also={304: "Not changed"}, brake=FILE, errors=("not_found", "bad_version"),
    summary="Read a file (GET) or ask for the offset of its upload (HEAD)",
)  # fmt: skip
def read(caller: Caller, query: dict[str, str], sha256: str) -> Response:
    """The bytes, or with `?variant=thumb|preview` a small WebP of an image."""
    key = _key(sha256)
    if request.method == "HEAD":
        return _head(caller, key)
    if caller.user_id is None:
        raise fail("login_required", headers={"WWW-Authenticate": "Bearer"})
    session = db.session()
    stored = session.get(StoredFile, key)
    if stored is None or not may_read(session, key, caller.scopes):
        raise fail("not_found")
    mime, name = stored.mime, key
    variant = query["variant"]
    store = uploads().store
    if variant in SIZES and store.size(f"{key}.{variant}.webp") is not None:
        name, mime = f"{key}.{variant}.webp", "image/webp"
    if request.if_none_match.contains(name):
        return Response(status=304, headers={"ETag": f'"{name}"'})
    try:
        stream = store.open(name)
    except FileNotFoundError:
        raise fail("not_found") from None

    def body() -> Any:
        with stream:
            while chunk := stream.read(1 << 16):
                yield chunk

    # A damaged or disguised file is never shown as an image, only handed out as data.
    shown = mime in SHOWN and (name != key or stored.state != "damaged")
    response = Response(stream_with_context(body()), mimetype=mime if shown else "application/octet-stream")
    response.headers["Content-Length"] = str(store.size(name))
    response.headers["Content-Disposition"] = "inline" if shown else f'attachment; filename="{key[:16]}.bin"'
    response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'; sandbox"
    response.headers["ETag"] = f'"{name}"'
    return response
