"""The centre's view of stored files: which are complete, and the bytes of a small one.

Owns the only calls from this package into server.files. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.files.models import StoredFile
from server.files.refs import is_open
from server.files.routes import uploads

TRACK_BYTES_MAX = 4_000_000


def complete_among(session: Session, hashes: Iterable[str]) -> set[str]:
    """Those of the given files whose bytes are complete and verified in the store."""
    wanted = sorted({each for each in hashes if each})
    return set(session.scalars(select(StoredFile.sha256).where(StoredFile.sha256.in_(wanted)))) if wanted else set()


def small_file(session: Session, scopes: tuple[str, ...], sha256: str) -> bytes | None:
    """The bytes of a track chunk, or nothing when it has not arrived or no record of these scopes opens it."""
    if not sha256 or not is_open(session, sha256, scopes):
        return None
    try:
        with uploads().store.open(sha256) as stream:
            return stream.read(TRACK_BYTES_MAX)
    except (FileNotFoundError, ValueError):
        return None
