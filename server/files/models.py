"""Tables of files: uploads under way, stored files, who brought them, which record opens which file, and which were erased.

Times are UTC milliseconds. A file's identity is the SHA-256 of its bytes; nothing a client says about it is trusted.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base, JsonText

# Who brought a file that came from another node: its devices are that node's business (P-60).
FROM_NODE = "node"


class Upload(Base):
    """An upload under way of one device; how many bytes have arrived is the size of its part file, not a column. `part`: that file's name."""

    __tablename__ = "upload"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    device_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    part: Mapped[str] = mapped_column(String(90))
    length: Mapped[int] = mapped_column(BigInteger)
    mime: Mapped[str] = mapped_column(String(100))
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


class FileSource(Base):
    """A device that brought all bytes of the file. `FROM_NODE`: another node vouched for who did; "": stored before this was noted."""

    __tablename__ = "file_source"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    device_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger)


class FileRef(Base):
    """Index: a record that opens the file. Filled on first look-up from the typed tables; safe to drop."""

    __tablename__ = "file_ref"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    rec: Mapped[str] = mapped_column(String(80), primary_key=True)


class ErasedFile(Base):
    """A file that went with an erased record (P-43): should it come again and nothing name it, it goes again."""

    __tablename__ = "erased_file"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger)
