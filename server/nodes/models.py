"""What a hub remembers of its centre. On a centre these tables stay empty."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base


class Peer(Base):
    """The centre as last met. `own_epoch` is the life of this node in which a meeting first came to its end (P-27)."""

    __tablename__ = "peer"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    node: Mapped[str] = mapped_column(String(16))
    epoch: Mapped[str] = mapped_column(String(16))
    own_epoch: Mapped[str] = mapped_column(String(16))
    accounts: Mapped[str] = mapped_column(String(64))
    met_at: Mapped[int] = mapped_column(BigInteger)
    # How far its list of files was gone through, and when that began at its start.
    files_at: Mapped[int] = mapped_column(BigInteger)
    listed_at: Mapped[int] = mapped_column(BigInteger)


class PeerFile(Base):
    """A file the centre has confirmed."""

    __tablename__ = "peer_file"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
