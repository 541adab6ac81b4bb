"""Uploads under way: part files, offsets, take-over and completion (P-50). Knows no HTTP.

Owns `<data>/uploads`. Invariants: the offset is the size of the part file, synced before it is acknowledged; bytes that arrived
before a connection broke are kept; the newest writer of an upload wins, an older one stops at its next chunk (so a dead
connection never locks an upload); a file counts only after the SHA-256 of all its bytes is the one it was announced with.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import new as new_hash
from hashlib import sha256
from pathlib import Path
from typing import IO

from sqlalchemy.orm import Session

from server import jobs
from server.db import unit
from server.errors import fail
from server.files.models import StoredFile, Upload
from server.files.store import Store
from server.settings import Settings

CHUNK_BYTES = 64 * 1024
EXPIRE_MS = 30 * 86_400_000
CHECKSUMS = ("sha256", "sha1")


class Uploads:
    """The uploads of one server, on its settings and store."""

    def __init__(self, settings: Settings, store: Store) -> None:
        """Creates the folders."""
        self.settings = settings
        self.store = store
        self.folder = settings.data_dir / "uploads"
        self.rejected = settings.data_dir / "rejected"
        self.folder.mkdir(parents=True, exist_ok=True)

    def _part(self, key: str) -> Path:
        return self.folder / f"{key}.part"

    def _turn(self, key: str) -> Path:
        return self.folder / f"{key}.turn"

    def offset(self, key: str) -> int:
        """Bytes of the part file that arrived so far."""
        try:
            return self._part(key).stat().st_size
        except FileNotFoundError:
            return 0

    def create(self, session: Session, key: str, length: int, mime: str, device_id: str, at: int) -> int:
        """Begin or continue; returns the offset. A file we already hold answers its full length. Raises `too_large`."""
        stored = session.get(StoredFile, key)
        if stored is not None:
            return stored.size
        if length > self.settings.upload_bytes_max:
            raise fail("too_large", limit=self.settings.upload_bytes_max)
        with unit(session):
            row = session.get(Upload, key)
            if row is None:
                session.add(
                    Upload(sha256=key, length=length, mime=mime, device_id=device_id, created_at=at, expires_at=at + EXPIRE_MS)
                )
                self._part(key).unlink(missing_ok=True)
            elif row.length != length:
                raise fail("conflict", reason="the same hash was announced with another length")
            else:
                row.expires_at = at + EXPIRE_MS
        self._part(key).touch()
        return self.offset(key)

    def append(self, key: str, start: int, length: int, stream: IO[bytes], checksum: tuple[str, bytes] | None) -> int:
        """Write a stream at `start`; returns the new offset. Raises `offset_mismatch`, `locked`, `checksum_mismatch`."""
        turn = secrets.token_hex(8)
        with self._locked(key):
            if self.offset(key) != start:
                raise fail("offset_mismatch", headers={"Upload-Offset": str(self.offset(key))})
            self._turn(key).write_text(turn)
        hasher = new_hash(checksum[0]) if checksum is not None else None
        at = start
        try:
            for chunk in _chunks(stream):
                if at + len(chunk) > length:
                    raise fail("too_large", limit=length)
                at = self._write(key, turn, at, chunk)
                if hasher is not None:
                    hasher.update(chunk)
        finally:
            with self._locked(key):
                if checksum is not None and hasher is not None and hasher.digest() != checksum[1]:
                    # Nothing of a chunk that fails its checksum may count (tus: 460).
                    if self._turn(key).read_text() == turn:
                        os.truncate(self._part(key), start)
                    at = start
        if hasher is not None and checksum is not None and hasher.digest() != checksum[1]:
            raise fail("checksum_mismatch", headers={"Upload-Offset": str(start)})
        return at

    def _write(self, key: str, turn: str, at: int, chunk: bytes) -> int:
        with self._locked(key):
            if self._turn(key).read_text() != turn or self.offset(key) != at:
                raise fail("locked")
            try:
                with self._part(key).open("ab") as part:
                    part.write(chunk)
                    part.flush()
                    os.fsync(part.fileno())
            except OSError as error:
                raise fail("storage_full") from error
        return at + len(chunk)

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        """Held only around one small write, across threads and workers."""
        with (self.folder / f"{key}.lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def finish(self, session: Session, key: str, at: int) -> bool:
        """When every byte is there: verify, store, and note the media job. False while bytes are missing."""
        row = session.get(Upload, key)
        if row is None:
            return session.get(StoredFile, key) is not None
        if self.offset(key) < row.length:
            session.rollback()
            return False
        part = self._part(key)
        with self._locked(key):
            if _sha256(part) != key:
                self.rejected.mkdir(parents=True, exist_ok=True)
                os.replace(part, self.rejected / f"{key}-{at}")
                raise fail("checksum_mismatch", headers={"Upload-Offset": "0"})
            mime, length = row.mime, row.length
            session.rollback()
            self.store.put(key, part)
        with unit(session):
            if session.get(StoredFile, key) is None:
                session.add(StoredFile(sha256=key, size=length, mime=mime, state="stored", stored_at=at))
                jobs.add(session, "media", {"sha256": key}, at)
            session.query(Upload).filter_by(sha256=key).delete()
        jobs.wake()
        self._forget(key)
        return True

    def cancel(self, session: Session, key: str) -> None:
        """Drop an upload under way; a stored file is never touched."""
        with unit(session):
            session.query(Upload).filter_by(sha256=key).delete()
        self._part(key).unlink(missing_ok=True)
        self._forget(key)

    def expire(self, session: Session, at: int) -> int:
        """Drop uploads nobody continued for 30 days; returns how many."""
        rows = session.query(Upload).filter(Upload.expires_at <= at).all()
        keys = [row.sha256 for row in rows]
        session.rollback()
        for key in keys:
            self.cancel(session, key)
        return len(keys)

    def _forget(self, key: str) -> None:
        for path in (self._turn(key), self.folder / f"{key}.lock"):
            path.unlink(missing_ok=True)


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    """Chunks until the stream ends or breaks; what arrived before a break is kept by the caller."""
    while True:
        try:
            chunk = stream.read(CHUNK_BYTES)
        except OSError:
            return
        if not chunk:
            return
        yield chunk


def _sha256(path: Path) -> str:
    hasher = sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(1 << 20):
            hasher.update(chunk)
    return hasher.hexdigest()
