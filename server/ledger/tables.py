"""Tables of the ledger.

Owns the shape of the sacred log (`op_log`), of the cache folded from it (`record`, `conflict`, `scope_digest`) and of the
feed (`sync_clock`, `departure`, `scope_set`, `snapshot`). Holds no behaviour.
Times are UTC milliseconds. `record.seq` 0 marks a record that only holds quarantined ops: it is never fed to anyone.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base

# SQLite only counts rows by itself for a column declared INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")


class OpLog(Base):
    """One op line as received, with the envelope this node gave it. `why` also carries `released` for a parked op.

    On PostgreSQL a partition per month of `rx_at` (`server.ledger.partitions`), which is therefore part of the key there.
    """

    __tablename__ = "op_log"
    __table_args__ = (
        UniqueConstraint("dev", "n", "h").ddl_if(dialect="sqlite"),
        Index("ix_op_log_dev_n", "dev", "n").ddl_if(dialect="postgresql"),
        Index("ix_op_log_rec", "rec"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    dev: Mapped[str] = mapped_column(String(32))
    n: Mapped[int] = mapped_column(BigInteger)
    h: Mapped[str] = mapped_column(String(8))
    # The enrolled device that delivered it: `dev` is chosen by whoever writes and proves nothing.
    device: Mapped[str] = mapped_column(String(64), server_default="")
    rec: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(80))
    scope: Mapped[str] = mapped_column(String(80))
    user: Mapped[str] = mapped_column(String(80))
    line: Mapped[bytes] = mapped_column(LargeBinary)
    node: Mapped[str] = mapped_column(String(16))
    rx_at: Mapped[int] = mapped_column(BigInteger)
    at_c: Mapped[int] = mapped_column(BigInteger)
    verdict: Mapped[str] = mapped_column(String(16))
    why: Mapped[str | None] = mapped_column(String(64))


class Incarnation(Base):
    """One op author: how far its chain is stored (`acked`) and how far it is in a backup (`durable`)."""

    __tablename__ = "incarnation"

    dev: Mapped[str] = mapped_column(String(32), primary_key=True)
    device_id: Mapped[str] = mapped_column(String(64), index=True)
    acked: Mapped[int] = mapped_column(BigInteger)
    acked_h: Mapped[str] = mapped_column(String(8))
    durable: Mapped[int] = mapped_column(BigInteger)
    last_at_c: Mapped[int] = mapped_column(BigInteger)
    forked: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[int] = mapped_column(BigInteger)


class ChainDigest(Base):
    """XOR over the first `n` ops of a chain of what this node noted of them (`marks.fingerprint`); absent: not summed up yet."""

    __tablename__ = "chain_digest"

    dev: Mapped[str] = mapped_column(String(32), primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)
    xor: Mapped[str] = mapped_column(String(16))


class RecordState(Base):
    """Canonical folded state of one record, without its `seq`, exactly as every replica holds it."""

    __tablename__ = "record"
    __table_args__ = (
        Index("ix_record_scope_seq", "scope", "seq"),
        # Partial: nearly no record waits, and an entry per record would be rewritten with every edit.
        Index(
            "ix_record_parked_since",
            "parked_since",
            sqlite_where=text("parked_since IS NOT NULL"),
            postgresql_where=text("parked_since IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    kind: Mapped[str] = mapped_column(String(80))
    scope: Mapped[str] = mapped_column(String(80))
    seq: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[bytes] = mapped_column(LargeBinary)
    open_conflicts: Mapped[int] = mapped_column(Integer)
    # Ops waiting for an unknown parent: since when, so that they can be released after seven days.
    parked_since: Mapped[int | None] = mapped_column(BigInteger)


class Departure(Base):
    """A record that left a scope: readers of that scope who are given its kind are told it is gone. "" where the kind was not noted."""

    __tablename__ = "departure"

    scope: Mapped[str] = mapped_column(String(80), primary_key=True)
    rec: Mapped[str] = mapped_column(String(80), primary_key=True)
    kind: Mapped[str] = mapped_column(String(80))
    seq: Mapped[int] = mapped_column(BigInteger, index=True)


class SyncClock(Base):
    """The single feed counter of this node. `secret` signs cursors, so that no device can invent one."""

    __tablename__ = "sync_clock"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    node: Mapped[str] = mapped_column(String(16))
    epoch: Mapped[str] = mapped_column(String(16))
    seq: Mapped[int] = mapped_column(BigInteger)
    secret: Mapped[str] = mapped_column(String(64))


class ScopeSet(Base):
    """A set of feeds some device has synced, by its hash, so that a cursor can name it in a few bytes."""

    __tablename__ = "scope_set"

    hash: Mapped[str] = mapped_column(String(16), primary_key=True)
    scopes: Mapped[str] = mapped_column(Text)


class ScopeDigest(Base):
    """Count and XOR of the 64-bit hashes of `id:seq` of every record of a scope and kind; a reader's digest adds up his kinds (P-28)."""

    __tablename__ = "scope_digest"

    scope: Mapped[str] = mapped_column(String(80), primary_key=True)
    kind: Mapped[str] = mapped_column(String(80), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    # Signed, so that a database can add to it by itself; sixteen hex digits on the wire.
    xor: Mapped[int] = mapped_column(BigInteger)


class Quarantine(Base):
    """Something that arrived and could not be applied, kept whole for a person. `op_id` is empty for what stands in no chain: forked and brought lines. `h` as it was told."""

    __tablename__ = "quarantine"
    __table_args__ = (UniqueConstraint("dev", "n", "sha"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    op_id: Mapped[int | None] = mapped_column(BigInteger)
    dev: Mapped[str] = mapped_column(String(32))
    n: Mapped[int] = mapped_column(BigInteger)
    sha: Mapped[str] = mapped_column(String(64))
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    why: Mapped[str] = mapped_column(String(64))
    rx_at: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16), index=True)
    h: Mapped[str | None] = mapped_column(String(8))


class Erasure(Base):
    """A record whose text is gone (P-43). `ops`: JSON list of the stamps it covers; `author`: the user who decided."""

    __tablename__ = "erasure"

    rec: Mapped[str] = mapped_column(String(80), primary_key=True)
    kind: Mapped[str] = mapped_column(String(80))
    scope: Mapped[str] = mapped_column(String(80))
    at: Mapped[int] = mapped_column(BigInteger)
    why: Mapped[str] = mapped_column(String(16))
    author: Mapped[str] = mapped_column(String(80))
    ops: Mapped[str] = mapped_column(Text)


class Conflict(Base):
    """An open or settled dispute, derived from heads; its human side is a `conflict_case` record."""

    __tablename__ = "conflict"
    __table_args__ = (Index("ix_conflict_scope_closed_at", "scope", "closed_at"),)

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    rec: Mapped[str] = mapped_column(String(80), index=True)
    kind: Mapped[str] = mapped_column(String(80))
    field: Mapped[str] = mapped_column(String(128))
    scope: Mapped[str] = mapped_column(String(80))
    opened_at: Mapped[int] = mapped_column(BigInteger)
    closed_at: Mapped[int | None] = mapped_column(BigInteger)
    severity: Mapped[str] = mapped_column(String(16))


class SnapshotRow(Base):
    """A built first-sync pack of one feed (in `scope`) at a known seq; the file lives in the data folder under `name`."""

    __tablename__ = "snapshot"

    scope: Mapped[str] = mapped_column(String(80), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    etag: Mapped[str] = mapped_column(String(64))
    count: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)
