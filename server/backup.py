"""Backup of a running server, and its restore.

Owns the layout of a backup folder: `manifest.json`, `town.db` (SQLite) or `tables/<name>.csv` (PostgreSQL, one COPY per table in
one REPEATABLE READ transaction), `files/`. Invariants: a backup counts only after it was read back; only what the *copy* holds
is called durable, never what was acknowledged meanwhile; after a restore a new epoch begins, so that every device notices and
refills the server (P-23).
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from server.db import Base, db, make_engine, migrate, unit
from server.ledger.clock import new_epoch
from server.settings import Settings

FORMAT = "xunan-backup-1"


class BackupError(RuntimeError):
    """The backup cannot be made or does not check out; nothing was called durable."""


def _hash(path: Path) -> str:
    hasher = sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(1 << 20):
            hasher.update(chunk)
    return hasher.hexdigest()


def _sqlite_copy(engine: Engine, folder: Path) -> dict[str, int]:
    """Copy with SQLite's online backup, check it, and return how far each incarnation reaches in the copy."""
    part = folder / "town.db.part"
    part.unlink(missing_ok=True)
    with sqlite3.connect(str(engine.url.database)) as source, sqlite3.connect(part) as target:
        source.backup(target, pages=2000)
        if target.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise BackupError("the copy failed its integrity check")
        acked = dict(target.execute("SELECT dev, acked FROM incarnation").fetchall())
    os.replace(part, folder / "town.db")
    return acked


def _postgres_copy(engine: Engine, folder: Path) -> dict[str, int]:
    """Dump every table by COPY in one consistent read."""
    tables = folder / "tables"
    tables.mkdir(exist_ok=True)
    with engine.connect() as connection:
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
        acked = {row[0]: int(row[1]) for row in connection.execute(text("SELECT dev, acked FROM incarnation"))}
        raw: Any = connection.connection.driver_connection
        for table in Base.metadata.sorted_tables:
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            statement = f'COPY "{table.name}" ({columns}) TO STDOUT (FORMAT csv)'
            with (tables / f"{table.name}.csv").open("wb") as target, raw.cursor() as cursor, cursor.copy(statement) as rows:
                for block in rows:
                    target.write(block)
    return acked


def _copy_files(settings: Settings, folder: Path) -> int:
    """Files are immutable by name: copy those that are missing. A bucket is backed up by its own service."""
    source, copied = settings.data_dir / "files", 0
    if settings.s3_url or not source.exists():
        return 0
    for path in source.rglob("*"):
        target = folder / "files" / path.relative_to(source)
        if path.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_suffix(".part")
            shutil.copyfile(path, part)
            os.replace(part, target)
            copied += 1
    return copied


def backup(session: Session, settings: Settings, folder: Path) -> str:
    """Back up into `folder` (which may hold an older backup); says what it did. Raises BackupError."""
    folder.mkdir(parents=True, exist_ok=True)
    engine = db.engine
    sqlite = engine.dialect.name == "sqlite"
    acked = _sqlite_copy(engine, folder) if sqlite else _postgres_copy(engine, folder)
    copied = _copy_files(settings, folder)
    parts = [folder / "town.db"] if sqlite else sorted((folder / "tables").glob("*.csv"))
    manifest = {
        "format": FORMAT, "database": engine.dialect.name, "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "parts": {str(part.relative_to(folder)): _hash(part) for part in parts}, "incarnations": len(acked),
    }  # fmt: skip
    part = folder / "manifest.json.part"
    part.write_text(json.dumps(manifest, indent=1))
    os.replace(part, folder / "manifest.json")
    with unit(session):
        for dev, n in acked.items():
            session.execute(text("UPDATE incarnation SET durable = :n WHERE dev = :dev AND durable < :n"), {"n": n, "dev": dev})
    return f"backed up {len(parts)} database parts, {copied} new files into {folder}"


def check(folder: Path) -> dict[str, Any]:
    """The manifest of a backup whose parts are what it says. Raises BackupError."""
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError) as error:
        raise BackupError("there is no readable manifest.json") from error
    if manifest.get("format") != FORMAT:
        raise BackupError("not a backup of this program")
    for name, digest in manifest["parts"].items():
        if not (folder / name).is_file() or _hash(folder / name) != digest:
            raise BackupError(f"{name} is missing or damaged")
    return manifest


def restore(settings: Settings, folder: Path) -> str:
    """Restore into the configured, empty database; a new epoch begins. The server must be stopped."""
    manifest = check(folder)
    engine = make_engine(settings.database_url)
    if engine.dialect.name != manifest["database"]:
        raise BackupError(f"this backup is of {manifest['database']}")
    if manifest["database"] == "sqlite":
        engine.dispose()
        target = Path(str(engine.url.database))
        if target.exists():
            raise BackupError(f"{target} exists: move it away first")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / "town.db", target)
    else:
        migrate(engine)
        _postgres_fill(engine, folder)
        engine.dispose()
    db.init(settings.database_url)
    migrate(db.engine)
    with unit() as session:
        epoch = new_epoch(session)
    if (folder / "files").exists():
        shutil.copytree(folder / "files", settings.data_dir / "files", dirs_exist_ok=True)
    return f"restored the backup of {manifest['made_at']}; new epoch {epoch}"


def _postgres_fill(engine: Engine, folder: Path) -> None:
    with engine.begin() as connection:
        if connection.execute(text("SELECT COUNT(*) FROM op_log")).scalar_one():
            raise BackupError("the database is not empty")
        raw: Any = connection.connection.driver_connection
        for table in Base.metadata.sorted_tables:
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            with raw.cursor() as cursor:
                cursor.execute(f'DELETE FROM "{table.name}"')
                with cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN (FORMAT csv)') as rows:
                    rows.write((folder / "tables" / f"{table.name}.csv").read_bytes())
                for column in table.columns:
                    if (column.primary_key and column.autoincrement is True) or (
                        column.primary_key and len(table.primary_key.columns) == 1 and str(column.type) in ("INTEGER", "BIGINT")
                    ):
                        cursor.execute(
                            f"SELECT setval(s, GREATEST((SELECT COALESCE(MAX(\"{column.name}\"), 0) FROM \"{table.name}\"), 1)) "
                            f"FROM (SELECT pg_get_serial_sequence('\"{table.name}\"', '{column.name}') AS s) found WHERE s IS NOT NULL"
                        )
