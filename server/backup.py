"""Backup and restore of a whole node: database and files, on a running server.

Owns the layout of a backup folder: `sets/<moment>/` with the image and `manifest.json`, one `files/` all sets share, which only
grows but for erased files, and `erasures.ndjson`, which is of no moment: what was erased stays erased whichever set is restored (P-43).
Invariants: the manifest is written last, so a set without one does not exist; a device is told that its ops are durable
only after the image that holds them was proven (P-23); a restored node has a new name and epoch, because its authors' numbers go
on from an earlier point (P-01, P-27) - devices then refill it by themselves.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import delete, inspect, select, text, update
from sqlalchemy.orm import Session

from server import jobs
from server.accounts import audit_chain
from server.backup_image import BackupError, Image, dump, load, prove
from server.db import db, reading, unit
from server.erasure.service import adopt
from server.files.models import ErasedFile, StoredFile
from server.files.store import FolderStore, Store, make_store
from server.files.tus import hash_file
from server.ledger import erasures
from server.ledger.bulk import Bulk
from server.ledger.catch_up import catch_up
from server.ledger.clock import new_epoch, now_ms
from server.ledger.erasures import Erasure
from server.ledger.partitions import make_coming
from server.settings import Settings

FORMAT, VERSION = "xunan-backup", 1
SETS_KEPT = 14
VARIANTS = (".thumb.webp", ".preview.webp")
COPY_BYTES = 1 << 20
ERASURES = "erasures.ndjson"


def backup(session: Session, settings: Settings, folder: Path) -> str:
    """Make a new set in a backup folder; gives one sentence for the operator. Raises BackupError when it would not count."""
    session.rollback()
    at = now_ms()
    name = datetime.fromtimestamp(at / 1000, UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z"
    building = folder / "sets" / f".{name}"
    building.mkdir(parents=True)
    try:
        image = dump(db.engine, building)
        ops = prove(building, image)
        copied, missing = _save_files(make_store(settings), FolderStore(folder / "files"), image)
        parts = {path.name: [path.stat().st_size, hash_file(path)] for path in sorted(building.iterdir())}
        manifest = {
            "format": FORMAT, "version": VERSION, "made_at": at, "ops": ops, "parts": parts, "missing": missing,
            "audit_head": audit_chain.head(session), "image": asdict(image),
        }  # fmt: skip
        _write(building / "manifest.json", json.dumps(manifest, indent=1).encode())
        os.rename(building, folder / "sets" / name)
        _sync_folder(folder / "sets")
        _save_erasures(session, folder, image)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    if not settings.is_hub:
        # A hub calls durable only what its centre does: its own backups may go with the house it stands in (P-60).
        _mark_durable(session, image)
    for old in sets_of(folder)[:-SETS_KEPT]:
        shutil.rmtree(old)
    lost = f", {len(missing)} files are missing in the store" if missing else ""
    return f"{folder / 'sets' / name}: {ops} ops proven, {len(image.files)} files ({copied} new){lost}"


def _save_erasures(session: Session, folder: Path, image: Image) -> None:
    """Keep what was erased apart from every set, and no longer the files that went with it."""
    known = {each.rec: each for each in told_erasures(folder)}
    for each in _erasures(session):
        known[each.rec] = each.joined(known.get(each.rec))
    lines = b"".join(json.dumps(known[rec].wire()).encode() + b"\n" for rec in sorted(known))
    building = folder / ".erasures"
    _write(building, lines)
    os.replace(building, folder / ERASURES)
    kept = FolderStore(folder / "files")
    with reading(session) as reader:
        for sha in reader.scalars(select(ErasedFile.sha256)) if known else ():
            for suffix in ("", *VARIANTS) if sha not in image.files else ():
                kept.delete(f"{sha}{suffix}")


def _erasures(session: Session) -> list[Erasure]:
    if not inspect(session.get_bind()).has_table("erasure"):
        return []  # a database of an earlier version, about to be replaced
    with reading(session) as reader:
        return list(erasures.every(Bulk(reader)))


def told_erasures(folder: Path) -> list[Erasure]:
    """What the list beside the sets of a backup folder names."""
    try:
        return [erasures.from_wire(json.loads(line)) for line in (folder / ERASURES).read_bytes().splitlines()]
    except FileNotFoundError:
        return []


def sets_of(folder: Path) -> list[Path]:
    """Complete sets, oldest first."""
    base = folder / "sets"
    made = base.iterdir() if base.is_dir() else ()
    return sorted(path for path in made if (path / "manifest.json").exists() and not path.name.startswith("."))


def _mark_durable(session: Session, image: Image) -> None:
    """Only what this image holds; ops that came meanwhile wait for the next one."""
    with unit(session):
        for dev, (acked, _) in image.vector.items():
            session.execute(
                text("UPDATE incarnation SET durable = :acked WHERE dev = :dev AND durable < :acked"), {"acked": acked, "dev": dev}
            )


def _save_files(store: Store, target: FolderStore, image: Image) -> tuple[int, list[str]]:
    """Copy what the backup does not have yet; gives the number copied and the keys whose bytes are gone or damaged."""
    copied, missing = 0, []
    for key, size in image.files.items():
        if target.size(key) == size:
            continue
        if _copy(store, target, key, key):
            copied += 1
        else:
            missing.append(key)
            continue
        for suffix in VARIANTS:
            _copy(store, target, f"{key}{suffix}", None)
    return copied, missing


def _copy(source: Store, target: Store, key: str, expected: str | None) -> bool:
    """Copy one object through a temporary file; False when it is absent or not what it should be."""
    try:
        stream = source.open(key)
    except FileNotFoundError:
        return False
    hasher = sha256()
    # Beside its place, so that naming it is one rename.
    folder = target.root if isinstance(target, FolderStore) else None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".copying-", delete=False) as handle:
        path = Path(handle.name)
        with stream:
            while chunk := stream.read(COPY_BYTES):
                hasher.update(chunk)
                handle.write(chunk)
        handle.flush()
        os.fsync(handle.fileno())
    try:
        if expected is not None and hasher.hexdigest() != expected:
            return False
        target.put(key, path)
    finally:
        path.unlink(missing_ok=True)
    return True


def read_manifest(folder: Path) -> tuple[Path, Image]:
    """The newest set of a backup folder, or the set itself; its parts are checked byte for byte. Raises BackupError."""
    candidates = [folder] if (folder / "manifest.json").exists() else sets_of(folder)
    if not candidates:
        raise BackupError(f"no backup in {folder}")
    chosen = candidates[-1]
    manifest: dict[str, Any] = json.loads((chosen / "manifest.json").read_bytes())
    if manifest.get("format") != FORMAT or manifest.get("version") != VERSION:
        raise BackupError("not a backup of this program")
    for name, (size, digest) in manifest["parts"].items():
        path = chosen / name
        if not path.is_file() or path.stat().st_size != size or hash_file(path) != digest:
            raise BackupError(f"{name} of the backup is damaged")
    image = Image(**manifest["image"])
    image.vector = {dev: (acked, h) for dev, (acked, h) in image.vector.items()}
    return chosen, image


def restore(settings: Settings, folder: Path, *, replace: bool = False) -> str:
    """Put a backup in place of the configured database and file store; gives one sentence for the operator.

    A database that already holds ops is only replaced on request, and is itself backed up first. Stop the server before.
    """
    chosen, image = read_manifest(folder)
    prove(chosen, image)
    saved = _save_present(settings, replace)
    told = told_erasures(chosen.parent.parent) + (told_erasures(saved) if saved else [])
    db.session.remove()
    load(db.engine, chosen, image)
    session = db.session()
    returned, lost = _return_files(FolderStore(chosen.parent.parent / "files"), make_store(settings), image)
    make_coming(session, now_ms())
    with unit(session):
        new_epoch(session)
        session.execute(text("UPDATE sync_clock SET node = :node WHERE id = 1"), {"node": _node_name()})
        session.execute(text("UPDATE incarnation SET durable = acked"))
        session.execute(text("DELETE FROM snapshot"))
        session.execute(update(jobs.Job).where(jobs.Job.state == "running").values(state="waiting"))
        # A file whose bytes are nowhere must be asked for again, not be called delivered.
        for key in lost:
            session.execute(delete(StoredFile).where(StoredFile.sha256 == key))
    erased = adopt(session, told, now_ms())
    shutil.rmtree(settings.data_dir / "snapshots", ignore_errors=True)
    # The backup may be older than the program, and its tables than what it holds.
    catch_up(session)
    before = f"; what was there before is in {saved}" if saved else ""
    again = f", {len(erased)} records erased again" if erased else ""
    return f"restored {chosen.name}: {len(image.vector)} authors, {returned} files returned, {len(lost)} files lost{again}{before}"


def _save_present(settings: Settings, replace: bool) -> Path | None:
    held = None
    if inspect(db.engine).has_table("op_log"):
        held = db.session.execute(text("SELECT 1 FROM op_log LIMIT 1")).first()
        db.session.rollback()
    if held is None:
        return None
    if not replace:
        raise BackupError("the configured database already holds data; say --replace to put the backup in its place")
    saved = settings.data_dir / f"before-restore-{now_ms()}"
    backup(db.session(), settings, saved)
    return saved


def _return_files(source: FolderStore, store: Store, image: Image) -> tuple[int, list[str]]:
    returned, lost = 0, []
    for key, size in image.files.items():
        if store.size(key) == size:
            continue
        if not _copy(source, store, key, key):
            lost.append(key)
            continue
        returned += 1
        for suffix in VARIANTS:
            _copy(source, store, f"{key}{suffix}", None)
    return returned, lost


def _node_name() -> str:
    return base64.b32encode(secrets.token_bytes(5)).decode().lower()


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
