"""Uploads under way: part files, offsets, take-over and completion (P-50). Knows no HTTP.

Owns `<data>/uploads` and `<data>/rejected`. Invariants: the offset is the size of the part file, synced to disk before it is
told to anyone; bytes that arrived before a connection broke are kept; the newest writer of an upload wins, an older one stops at
its next chunk (so a dead connection never locks an upload); a file counts only after the SHA-256 of all its bytes is the one it
was announced with; bytes that fail that test are set aside, never accepted and never silently lost; every device has an upload and a
part file of its own, which nobody else goes on with, starts over or ends, and a file counts as there only for a device that brought
all its bytes (P-51). Two locks, always in this order: that of one upload, then that of the file all of them become.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Begun:
    """An upload of one device, as it was when it was looked up. `part` names its files here."""

    sha256: str
    device_id: str
    part: str
    length: int
    mime: str
    expires_at: int


def part_name(key: str, device_id: str) -> str:
    """What the files of a device's upload are called; an id from outside never becomes a path."""
    return f"{key}-{sha256(device_id.encode()).hexdigest()[:16]}"


def find_upload(session: Session, key: str, device_id: str) -> Begun | None:
    """The device's upload of a file, if it has begun one."""
    row = session.get(Upload, (key, device_id))
    return Begun(row.sha256, row.device_id, row.part, row.length, row.mime, row.expires_at) if row is not None else None


class Uploads:
    """The uploads of one server, on its settings and store."""

    def __init__(self, settings: Settings, store: Store) -> None:
        """Creates the folders."""
        self.settings = settings
        self.store = store
        self.folder = settings.data_dir / "uploads"
        self.rejected = settings.data_dir / "rejected"
        self.folder.mkdir(parents=True, exist_ok=True)

    def _part(self, part: str) -> Path:
        return self.folder / f"{part}.part"

    def _turn(self, part: str) -> Path:
        return self.folder / f"{part}.turn"

    def _lock(self, name: str) -> Path:
        return self.folder / f"{name}.lock"

    def offset(self, part: str) -> int:
        """Bytes of the part file that arrived so far."""
        try:
            return self._part(part).stat().st_size
        except FileNotFoundError:
            return 0

    def synced_offset(self, part: str) -> int:
        """The offset as it may be told to a client: whatever a broken request left is on disk first."""
        try:
            with self._part(part).open("rb") as handle:
                os.fsync(handle.fileno())
                return os.fstat(handle.fileno()).st_size
        except FileNotFoundError:
            return 0

    def create(self, session: Session, key: str, length: int, mime: str, device_id: str, at: int) -> int:
        """Begin or continue; returns the offset. A file this device already brought answers its full length.

        Raises `too_large`, `storage_full`; when every byte is there, what `finish` raises.
        """
        if length > self.settings.upload_bytes_max:
            raise fail("too_large", limit=self.settings.upload_bytes_max)
        before = find_upload(session, key, device_id)
        part = before.part if before is not None else part_name(key, device_id)
        with self._locked(part):
            stored = session.get(StoredFile, key)
            if stored is not None and is_brought_by(session, key, device_id):
                self._forget(part)
                return stored.size
            known = session.get(Upload, (key, device_id))
            if known is not None and known.length != length:
                # One of the two lengths is wrong: the newest starts over.
                self._start_over(session, known)
            room_for(self.folder, length - self.offset(part))
            with unit(session):
                row = session.get(Upload, (key, device_id))
                if row is None:
                    row = Upload(sha256=key, device_id=device_id, part=part, length=length, mime=mime, created_at=at)
                    session.add(row)
                row.expires_at = at + EXPIRE_MS
            self._part(part).touch()
        offset = self.synced_offset(part)
        if offset not in (0, length):
            return offset
        try:
            # Bytes may already be there: a crash between storing and noting, a store that was down, or a restored database.
            return length if self.finish(session, key, device_id, at) else self.synced_offset(part)
        except ProblemError:
            if offset == length:
                raise
            return 0  # the store is down; that is no reason for the bytes not to come

    def append(self, part: str, start: int, length: int, chunks: Iterable[bytes], checksum: tuple[str, bytes] | None) -> int:
        """Write chunks from `start` on; returns the new offset. Raises `offset_mismatch`, `locked`, `checksum_mismatch`."""
        turn = secrets.token_hex(8)
        with self._locked(part):
            if self.offset(part) != start:
                raise fail("offset_mismatch", headers={"Upload-Offset": str(self.synced_offset(part))})
            self._turn(part).write_text(turn)
        hasher = new_hash(checksum[0]) if checksum is not None else None
        at = start
        with self._part(part).open("ab", buffering=0) as target:
            try:
                for chunk in chunks:
                    if at + len(chunk) > length:
                        raise fail("too_large", limit=length)
                    self._write(part, turn, target, at, chunk)
                    at += len(chunk)
                    if hasher is not None:
                        hasher.update(chunk)
            finally:
                if checksum is not None and hasher is not None and hasher.digest() != checksum[1]:
                    self._take_back(part, turn, start)
                with suppress(OSError):
                    os.fsync(target.fileno())
            os.fsync(target.fileno())
        if checksum is not None and hasher is not None and hasher.digest() != checksum[1]:
            raise fail("checksum_mismatch", headers={"Upload-Offset": str(start)})
        return at

    def _write(self, part: str, turn: str, target: IO[bytes], at: int, chunk: bytes) -> None:
        with self._locked(part):
            if not self._is_turn(part, turn) or self.offset(part) != at:
                raise fail("locked")
            # Asked again while it comes: many that were begun while there was room do not all fit.
            room_for(self.folder, len(chunk))
            try:
                view = memoryview(chunk)
                while view:
                    view = view[target.write(view) :]
            except OSError as error:
                raise fail("storage_full") from error

    def _take_back(self, part: str, turn: str, start: int) -> None:
        """Nothing of a request that fails its checksum may count (tus: 460)."""
        with self._locked(part):
            if self._is_turn(part, turn) and self.offset(part) > start:
                os.truncate(self._part(part), start)

    def _is_turn(self, part: str, turn: str) -> bool:
        try:
            return self._turn(part).read_text() == turn
        except FileNotFoundError:
            return False

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """Across threads and workers; held around one small write, or the completion of one upload or one file."""
        path = self._lock(name)
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

    @contextmanager
    def _storing(self, key: str) -> Iterator[None]:
        """One file is stored and noted once, however many devices bring it at the same time."""
        name = f"{key}.store"
        with self._locked(name):
            try:
                yield
            finally:
                self._lock(name).unlink(missing_ok=True)

    def finish(self, session: Session, key: str, device_id: str, at: int) -> bool:
        """When every byte is there: verify, store, and note the media job. False while bytes are missing.

        Raises `checksum_mismatch` (the bytes are set aside, the offset is 0 again) and `unavailable` (the store is down; the
        bytes stay and the next request tries again).
        """
        begun = find_upload(session, key, device_id)
        session.rollback()
        if begun is None:
            return self._is_there(session, key, device_id)
        with self._locked(begun.part), self._storing(key):
            row = find_upload(session, key, device_id)
            stored = session.get(StoredFile, key) is not None
            session.rollback()
            if row is None:
                self._forget(begun.part)
                return self._is_there(session, key, device_id)
            if not self._keep(row, at, stored):
                return False
            with unit(session):
                self._note(session, key, row.length, row.mime, [device_id], at)
                session.execute(delete(Upload).where(Upload.sha256 == key, Upload.device_id == device_id))
            self._forget(row.part)
        jobs.wake()
        return True

    def _is_there(self, session: Session, key: str, device_id: str) -> bool:
        found = session.get(StoredFile, key) is not None and is_brought_by(session, key, device_id)
        session.rollback()
        return found

    def _note(self, session: Session, key: str, size: int, mime: str, device_ids: Iterable[str], at: int) -> None:
        if session.get(StoredFile, key) is None:
            session.add(StoredFile(sha256=key, size=size, mime=mime, state="stored", stored_at=at))
            jobs.add(session, "media", {"sha256": key}, at)
        add_sources(session, key, device_ids, at)

    def _keep(self, begun: Begun, at: int, stored: bool) -> bool:
        """Move complete, verified bytes into the store; False while there is nothing complete to move."""
        key, part = begun.sha256, self._part(begun.part)
        try:
            if not stored and self.offset(begun.part) == 0 and self.store.size(key) == begun.length:
                return True
            if not part.exists() or self.offset(begun.part) < begun.length:
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
        brought = sorted(set(device_ids))
        with self._storing(key):
            if hash_file(path) != key:
                self.set_aside(path, key, at)
                return False
            size = path.stat().st_size
            if self.store.size(key) != size:
                self.store.put(key, path)
            with unit(session):
                self._note(session, key, size, mime, brought, at)
        # What these had begun to send is done with; others go on, to show that they have it.
        for device_id in brought:
            self.cancel(session, key, device_id)
        jobs.wake()
        return True

    def cancel(self, session: Session, key: str, device_id: str) -> None:
        """Drop an upload under way; a stored file is never touched."""
        begun = find_upload(session, key, device_id)
        session.rollback()
        if begun is None:
            return
        with self._locked(begun.part):
            with unit(session):
                session.execute(delete(Upload).where(Upload.sha256 == key, Upload.device_id == device_id))
            self._forget(begun.part)

    def cancel_all(self, session: Session, key: str) -> None:
        """Drop every upload of a file that is to be here no more."""
        device_ids = session.scalars(select(Upload.device_id).where(Upload.sha256 == key)).all()
        session.rollback()
        for device_id in device_ids:
            self.cancel(session, key, device_id)

    def _start_over(self, session: Session, row: Upload) -> None:
        """Forget what arrived; called with the lock held. Whoever still sends has lost his turn."""
        self._turn(row.part).write_text(secrets.token_hex(8))
        self._part(row.part).unlink(missing_ok=True)
        with unit(session):
            session.delete(row)

    def expire(self, session: Session, at: int) -> int:
        """Drop uploads nobody continued for 30 days; returns how many. Each byte that came since gives 30 days more."""
        due = session.execute(select(Upload.sha256, Upload.device_id, Upload.part).where(Upload.expires_at <= at)).all()
        session.rollback()
        dropped = 0
        for key, device_id, part in due:
            with self._locked(part):
                until = self._last_byte_ms(part) + EXPIRE_MS
                with unit(session):
                    row = session.get(Upload, (key, device_id))
                    if row is None:
                        continue
                    if until > at:
                        row.expires_at = until
                        continue
                    session.delete(row)
                self._forget(part)
                dropped += 1
        return dropped

    def _last_byte_ms(self, part: str) -> int:
        try:
            return int(self._part(part).stat().st_mtime * 1000)
        except FileNotFoundError:
            return 0

    def _forget(self, part: str) -> None:
        """Remove what is left of an upload; called with its lock held, which goes last."""
        for path in (self._part(part), self._turn(part), self._lock(part)):
            path.unlink(missing_ok=True)


def has_room(folder: Path, length: int) -> bool:
    """Whether `length` more bytes leave enough to the database."""
    return shutil.disk_usage(folder).free >= length + FREE_BYTES_MIN


def room_for(folder: Path, length: int) -> None:
    """Raises `storage_full` when `length` more bytes would leave too little to the database."""
    if not has_room(folder, length):
        raise fail("storage_full")


def hash_file(path: Path) -> str:
    """SHA-256 of a local file, in constant memory."""
    hasher = sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(READ_BYTES):
            hasher.update(chunk)
    return hasher.hexdigest()
