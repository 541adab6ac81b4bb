"""Frozen releases, and how one is laid out again. Owns reading of `tests/compat/<version>/`; holds no assertion and changes no frozen file."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session

from server.ledger.clock import now_ms

HERE = Path(__file__).parent
# Sign-ins and uploads run out; a frozen one has to mean the same in ten years.
FAR_MS = 4_102_444_800_000


@dataclass(frozen=True)
class Spoken:
    """A request as it was sent, and what was answered."""

    note: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    token: str
    status: int
    told: dict[str, str]
    answer: bytes

    @property
    def json(self) -> Any:
        """The answer, when it is JSON."""
        return json.loads(self.answer) if "json" in self.told.get("Content-Type", "") else None


class Release:
    """One frozen version."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name

    def _json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    @cached_property
    def told(self) -> dict[str, Any]:
        """Version, passwords of its demo cast, hashes of its migrations."""
        found: dict[str, Any] = self._json("release.json")
        return found

    @cached_property
    def log(self) -> dict[str, Any]:
        """`lines` of the op log as they arrived, and the `states` they made."""
        found: dict[str, Any] = self._json("ops.json")
        return found

    @cached_property
    def handheld(self) -> dict[str, Any]:
        """Databases of a browser, with what it held and showed."""
        found: dict[str, Any] = self._json("handheld.json")
        return found

    def spoken(self) -> Iterator[Spoken]:
        """The recorded requests, in order."""
        for each in self._json("wire.json"):
            asked, answer = each["request"], base64.b64decode(each["body"])
            plain = gzip.decompress(answer) if each["headers"].get("Content-Encoding") == "gzip" else answer
            yield Spoken(
                each["note"], asked["method"], asked["path"], asked["headers"], base64.b64decode(asked["body"]), asked["token"], each["status"],
                each["headers"], plain,
            )  # fmt: skip

    def lay_sqlite(self, path: Path) -> str:
        """Its database at `path`; gives the address."""
        with sqlite3.connect(path) as connection:
            connection.executescript((self.folder / "server.sql").read_text(encoding="utf-8"))
        return f"sqlite:///{path}"

    def lay_postgres(self, url: str) -> None:
        """Its database into an empty one."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute((self.folder / "postgresql.sql").read_bytes())

    def lay_data(self, folder: Path) -> None:
        """Its files, complete and half-way."""
        shutil.unpack_archive(self.folder / "data.zip", folder)


def releases() -> list[Release]:
    """Oldest first."""
    return [Release(path) for path in sorted(HERE.iterdir()) if (path / "release.json").exists()]


def lengthen(session: Session) -> None:
    """Let sign-ins and uploads hold on."""
    for table in ('"grant"', "upload"):
        session.execute(text(f"UPDATE {table} SET expires_at = :far"), {"far": FAR_MS})
    # A desk that rested too long would have to sign in again: whoever was frozen has just been here.
    session.execute(text('UPDATE "grant" SET seen_at = :now, created_at = :now, confirmed_at = :now'), {"now": now_ms()})
