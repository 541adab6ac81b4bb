"""Tables of files: uploads under way, stored files, and which record names which file.

Times are UTC milliseconds. A file's identity is the SHA-256 of its bytes; nothing a client says about it is trusted.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base, JsonText


class Upload(Base):
    """An upload under way; how many bytes have arrived is the size of its part file, not a column."""

    __tablename__ = "upload"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    length: Mapped[int] = mapped_column(BigInteger)
    mime: Mapped[str] = mapped_column(String(100))
    device_id: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)


class StoredFile(Base):
    """A complete, verified file. `state`: stored · checked · damaged (kept all the same, with its reason)."""

    __tablename__ = "stored_file"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    mime: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str | None] = mapped_column(String(60))
    media: Mapped[Any] = mapped_column(JsonText, nullable=True)
    stored_at: Mapped[int] = mapped_column(BigInteger)


class FileRef(Base):
    """Index: a record that names the file. Filled on first look-up from the typed tables; safe to drop."""

    __tablename__ = "file_ref"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    rec: Mapped[str] = mapped_column(String(80), primary_key=True)
