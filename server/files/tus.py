"""Uploads under way: part files, offsets, take-over and completion (P-50). Knows no HTTP.

Owns `<data>/uploads` and `<data>/rejected`. Invariants: the offset is the size of the part file, synced to disk before it is
told to anyone; bytes that arrived before a connection broke are kept; the newest writer of an upload wins, an older one stops at
its next chunk (so a dead connection never locks an upload); a file counts only after the SHA-256 of all its bytes is the one it
was announced with; bytes that fail that test are set aside, never accepted and never silently lost; an upload is its device's alone,
and a file counts as there only for a device that brought all its bytes (P-51).
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import new as new_hash
from hashlib import sha256
from pathlib import Path
from typing import IO

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server import jobs
from server.db import unit
from server.errors import ProblemError, fail
from server.files.models import StoredFile, Upload
from server.files.refs import add_sources, is_brought_by
from server.files.store import Store
from server.settings import Settings

log = structlog.get_logger(__name__)
EXPIRE_MS = 30 * 86_400_000
CHECKSUMS = ("sha256",)
# The database needs room to go on when nothing else fits any more.
FREE_BYTES_MIN = 256 * 1024 * 1024
# Whatever is wrong: so many, and no more bytes than this beside the newest.
REJECTED_MAX, REJECTED_BYTES_MAX = 200, 2 * 1024**3
READ_BYTES = 1 << 20


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

    def _lock(self, key: str) -> Path:
        return self.folder / f"{key}.lock"

    def offset(self, key: str) -> int:
        """Bytes of the part file that arrived so far."""
        try:
            return self._part(key).stat().st_size
        except FileNotFoundError:
            return 0

    def synced_offset(self, key: str) -> int:
        """The offset as it may be told to a client: whatever a broken request left is on disk first."""
        try:
            with self._part(key).open("rb") as part:
                os.fsync(part.fileno())
                return os.fstat(part.fileno()).st_size
        except FileNotFoundError:
            return 0

    def create(self, session: Session, key: str, length: int, mime: str, device_id: str, at: int) -> int:
        """Begin or continue; returns the offset. A file this device already brought answers its full length.

        Raises `too_large`, `storage_full`; when every byte is there, what `finish` raises.
        """
        if length > self.settings.upload_bytes_max:
            raise fail("too_large", limit=self.settings.upload_bytes_max)
        with self._locked(key):
            stored = session.get(StoredFile, key)
            if stored is not None and is_brought_by(session, key, device_id):
                return stored.size
            known = session.get(Upload, key)
            if known is not None and (known.length, known.device_id) != (length, device_id):
                # One of two lengths is wrong, and nobody goes on with bytes of another: the newest starts over.
                self._start_over(session, key)
            room_for(self.folder, length - self.offset(key))
            with unit(session):
                row = session.get(Upload, key)
                if row is None:
                    row = Upload(sha256=key, length=length, mime=mime, device_id=device_id, created_at=at)
                    session.add(row)
                row.expires_at = at + EXPIRE_MS
            self._part(key).touch()
        offset = self.synced_offset(key)
        if offset not in (0, length):
            return offset
        try:
            # Bytes may already be there: a crash between storing and noting, a store that was down, or a restored database.
            return length if self.finish(session, key, at) else self.synced_offset(key)
        except ProblemError:
            if offset == length:
                raise
            return 0  # the store is down; that is no reason for the bytes not to come

    def append(self, key: str, start: int, length: int, chunks: Iterable[bytes], checksum: tuple[str, bytes] | None) -> int:
        """Write chunks from `start` on; returns the new offset. Raises `offset_mismatch`, `locked`, `checksum_mismatch`."""
        turn = secrets.token_hex(8)
        with self._locked(key):
            if self.offset(key) != start:
                raise fail("offset_mismatch", headers={"Upload-Offset": str(self.synced_offset(key))})
            self._turn(key).write_text(turn)
        hasher = new_hash(checksum[0]) if checksum is not None else None
        at = start
        with self._part(key).open("ab", buffering=0) as part:
            try:
                for chunk in chunks:
                    if at + len(chunk) > length:
                        raise fail("too_large", limit=length)
                    self._write(key, turn, part, at, chunk)
                    at += len(chunk)
                    if hasher is not None:
                        hasher.update(chunk)
            finally:
                if checksum is not None and hasher is not None and hasher.digest() != checksum[1]:
                    self._take_back(key, turn, start)
                with suppress(OSError):
                    os.fsync(part.fileno())
            os.fsync(part.fileno())
        if checksum is not None and hasher is not None and hasher.digest() != checksum[1]:
            raise fail("checksum_mismatch", headers={"Upload-Offset": str(start)})
        return at

    def _write(self, key: str, turn: str, part: IO[bytes], at: int, chunk: bytes) -> None:
        with self._locked(key):
            if not self._is_turn(key, turn) or self.offset(key) != at:
                raise fail("locked")
            # Asked again while it comes: many that were begun while there was room do not all fit.
            room_for(self.folder, len(chunk))
            try:
                view = memoryview(chunk)
                while view:
                    view = view[part.write(view) :]
            except OSError as error:
                raise fail("storage_full") from error

    def _take_back(self, key: str, turn: str, start: int) -> None:
        """Nothing of a request that fails its checksum may count (tus: 460)."""
        with self._locked(key):
            if self._is_turn(key, turn) and self.offset(key) > start:
                os.truncate(self._part(key), start)

    def _is_turn(self, key: str, turn: str) -> bool:
        try:
            return self._turn(key).read_text() == turn
        except FileNotFoundError:
            return False

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        """Across threads and workers; held around one small write, or the completion of this one upload."""
        path = self._lock(key)
        while True:
            with path.open("a") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX)
                try:
                    current = path.stat().st_ino == os.fstat(handle.fileno()).st_ino
                except FileNotFoundError:
                    current = False
                if not current:
                    # Whoever finished before us removed the lock file we waited on.
                    continue
                yield
                return

    def finish(self, session: Session, key: str, at: int) -> bool:
        """When every byte is there: verify, store, and note the media job. False while bytes are missing.

        Raises `checksum_mismatch` (the bytes are set aside, the offset is 0 again) and `unavailable` (the store is down; the
        bytes stay and the next request tries again).
        """
        with self._locked(key):
            row = session.get(Upload, key)
            length, mime, device_id = (row.length, row.mime, row.device_id) if row is not None else (-1, "", "")
            stored = session.get(StoredFile, key) is not None
            session.rollback()
            if row is None:
                return stored
            if not self._keep(key, length, at, stored):
                return False
            with unit(session):
                self._note(session, key, length, mime, [device_id], at)
            self._forget(key)
        jobs.wake()
        return True

    def _note(self, session: Session, key: str, size: int, mime: str, device_ids: Iterable[str], at: int) -> None:
        if session.get(StoredFile, key) is None:
            session.add(StoredFile(sha256=key, size=size, mime=mime, state="stored", stored_at=at))
            jobs.add(session, "media", {"sha256": key}, at)
        add_sources(session, key, device_ids, at)
        session.execute(delete(Upload).where(Upload.sha256 == key))

    def _keep(self, key: str, length: int, at: int, stored: bool) -> bool:
        """Move complete, verified bytes into the store; False while there is nothing complete to move."""
        part = self._part(key)
        try:
            if not stored and self.offset(key) == 0 and self.store.size(key) == length:
                return True
            if not part.exists() or self.offset(key) < length:
                return False
            if hash_file(part) == key:
                if not stored:
                    self.store.put(key, part)
                return True
        except OSError as error:
            log.warning("file_store_unavailable", error=type(error).__name__)
            raise fail("unavailable", reason="file store") from error
        self.set_aside(part, key, at)
        raise fail("checksum_mismatch", headers={"Upload-Offset": "0"})

    def set_aside(self, path: Path, key: str, at: int) -> None:
        """Keep bytes that are not what they were announced as, for a person; the oldest go when there are too many."""
        self.rejected.mkdir(parents=True, exist_ok=True)
        os.replace(path, self.rejected / f"{at}-{key}")
        log.warning("file_rejected", sha256=key)
        held = 0
        for place, old in enumerate(sorted(self.rejected.iterdir(), reverse=True)):
            held += old.stat().st_size
            if place >= REJECTED_MAX or (place > 0 and held > REJECTED_BYTES_MAX):
                old.unlink(missing_ok=True)

    def adopt(self, session: Session, key: str, path: Path, mime: str, device_ids: Iterable[str], at: int) -> bool:
        """Take in a complete local file that came another way (a bundle, a node). False when its bytes are not `key`."""
        with self._locked(key):
            if hash_file(path) != key:
                self.set_aside(path, key, at)
                return False
            size = path.stat().st_size
            if self.store.size(key) != size:
                self.store.put(key, path)
            with unit(session):
                self._note(session, key, size, mime, device_ids, at)
            self._forget(key)
        jobs.wake()
        return True

    def cancel(self, session: Session, key: str) -> None:
        """Drop an upload under way; a stored file is never touched."""
        with self._locked(key):
            with unit(session):
                session.execute(delete(Upload).where(Upload.sha256 == key))
            self._forget(key)

    def _start_over(self, session: Session, key: str) -> None:
        """Forget what arrived; called with the lock held. Whoever still sends has lost his turn."""
        self._turn(key).write_text(secrets.token_hex(8))
        self._part(key).unlink(missing_ok=True)
        with unit(session):
            session.delete(session.get_one(Upload, key))

    def expire(self, session: Session, at: int) -> int:
        """Drop uploads nobody continued for 30 days; returns how many. Each byte that came since gives 30 days more."""
        keys = session.scalars(select(Upload.sha256).where(Upload.expires_at <= at)).all()
        session.rollback()
        dropped = 0
        for key in keys:
            with self._locked(key):
                until = self._last_byte_ms(key) + EXPIRE_MS
                with unit(session):
                    row = session.get(Upload, key)
                    if row is None:
                        continue
                    if until > at:
                        row.expires_at = until
                        continue
                    session.delete(row)
                self._forget(key)
                dropped += 1
        return dropped

    def _last_byte_ms(self, key: str) -> int:
        try:
            return int(self._part(key).stat().st_mtime * 1000)
        except FileNotFoundError:
            return 0

    def _forget(self, key: str) -> None:
        """Remove what is left of an upload; called with its lock held, which goes last."""
        for path in (self._part(key), self._turn(key), self._lock(key)):
            path.unlink(missing_ok=True)


def room_for(folder: Path, length: int) -> None:
    """Raises `storage_full` when `length` more bytes would leave too little to the database."""
    if shutil.disk_usage(folder).free < length + FREE_BYTES_MIN:
        raise fail("storage_full")


def hash_file(path: Path) -> str:
    """SHA-256 of a local file, in constant memory."""
    hasher = sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(READ_BYTES):
            hasher.update(chunk)
    return hasher.hexdigest()
