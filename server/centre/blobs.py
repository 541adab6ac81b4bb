"""The centre's view of stored files: which are complete, and the bytes of a small one.

Owns the only calls from this package into server.files. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterable

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.files.models import StoredFile
from server.files.store import KEY

TRACK_BYTES_MAX = 4_000_000


def complete_among(session: Session, hashes: Iterable[str]) -> set[str]:
    """Those of the given files whose bytes are complete and verified in the store."""
    wanted = sorted({each for each in hashes if each})
    if not wanted:
        return set()
    return set(session.scalars(select(StoredFile.sha256).where(StoredFile.sha256.in_(wanted))))


def small_file(sha256: str) -> bytes | None:
    """The bytes of a track chunk, or nothing when it has not arrived."""
    if not KEY.match(sha256):
        return None
    try:
        with current_app.extensions["xunan_uploads"].store.open(sha256) as stream:
            data: bytes = stream.read(TRACK_BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    return data if len(data) <= TRACK_BYTES_MAX else None
