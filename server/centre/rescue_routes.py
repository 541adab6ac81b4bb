"""HTTP of the rescue import: the bundle is the body, spooled to disk, imported, and answered with what became of it. Thin."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from flask import Blueprint, request
from marshmallow import Schema, fields

from server.accounts.calling import settings
from server.accounts.rights import Caller
from server.brakes import RESCUE, place
from server.centre.reader import READING_ROLES
from server.centre.rescue import as_answer, import_bundle
from server.db import db
from server.errors import fail
from server.files.routes import body_chunks, uploads
from server.files.tus import room_for
from server.ledger.clock import now_ms
from server.web.endpoint import endpoint

bp = Blueprint("rescue", __name__, url_prefix="/api/v1")
BUNDLE_BYTES_MAX = 8 * 1024**3
ASK_BYTES = 64 * 1024**2


class AuthorOut(Schema):
    """What became of one author's lines."""

    dev = fields.String(required=True)
    first = fields.Integer(required=True)
    last = fields.Integer(required=True)
    stored = fields.Integer(required=True)
    known = fields.Integer(required=True)
    quarantined = fields.Integer(required=True)
    conflicts = fields.Integer(required=True)
    gap_from = fields.Integer(required=True, allow_none=True)
    broken_at = fields.Integer(required=True, allow_none=True)
    fork = fields.Boolean(required=True)


class RescueOut(Schema):
    """Outcome of an import; `complete` when nothing of the bundle is still outside."""

    device_id = fields.String(required=True, allow_none=True)
    made_at = fields.String(required=True)
    signature = fields.String(required=True)
    left_behind = fields.Integer(required=True)
    authors = fields.List(fields.Nested(AuthorOut), required=True)
    files_stored = fields.Integer(required=True)
    files_known = fields.Integer(required=True)
    files_damaged = fields.List(fields.String(), required=True)
    files_missing = fields.List(fields.String(), required=True)
    kept = fields.Boolean(required=True)
    complete = fields.Boolean(required=True)


@endpoint(
    bp, "POST", "/centre/rescue", roles=READING_ROLES, body="application/zip", returns=RescueOut, brake=RESCUE,
    errors=("bundle_damaged", "too_large", "storage_full", "rescue_full", "too_busy"),
    summary="Import a rescue bundle carried from a device; equal to a push",
)  # fmt: skip
def rescue(caller: Caller) -> dict[str, Any]:
    """P-61. Importing twice changes nothing."""
    length = request.content_length or 0
    if length > BUNDLE_BYTES_MAX:
        raise fail("too_large", limit=BUNDLE_BYTES_MAX)
    # The bundle lies on the disk, and its files beside it until they are in the store.
    room_for(uploads().folder, 2 * length)
    with place(settings().data_dir, "rescue"), tempfile.TemporaryDirectory(dir=uploads().folder) as name:
        path = Path(name) / "bundle.xunan"
        _spool(path)
        return as_answer(import_bundle(db.session(), uploads(), caller, path, now_ms()))


def _spool(path: Path) -> None:
    """Write the body of this request to disk, never more than is allowed or than there is room for, whatever length it claimed."""
    came = 0
    with path.open("wb") as target:
        for chunk in body_chunks(BUNDLE_BYTES_MAX):
            if came % ASK_BYTES < len(chunk):
                room_for(path.parent, ASK_BYTES)
            came += len(chunk)
            if came > BUNDLE_BYTES_MAX:
                raise fail("too_large", limit=BUNDLE_BYTES_MAX)
            target.write(chunk)
