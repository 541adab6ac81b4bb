"""digests per kind, and who brought a file

Revision ID: 20261128_12
Revises: 20261128_08
"""

from __future__ import annotations

import time
from hashlib import sha256

import sqlalchemy as sa
from alembic import op

revision = "20261128_12"
down_revision = "20261128_08"
branch_labels = None
depends_on = None

PAGE = 5_000


def upgrade() -> None:
    op.drop_table("scope_digest")
    _create("scope", "kind")
    _fill("scope", "kind")
    op.create_table(
        "file_source",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", "device_id", name=op.f("pk_file_source")),
    )
    # Nobody knows any more who brought these: they stay open for the ops received until now.
    now = time.time_ns() // 1_000_000
    op.execute(sa.text("INSERT INTO file_source (sha256, device_id, at) SELECT sha256, '', :now FROM stored_file").bindparams(now=now))
    op.execute("DELETE FROM file_ref")


def downgrade() -> None:
    op.drop_table("file_source")
    op.drop_table("scope_digest")
    _create("scope")
    _fill("scope")


def _create(*keys: str) -> None:
    op.create_table(
        "scope_digest",
        *(sa.Column(key, sa.String(length=80), nullable=False) for key in keys),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("xor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(*keys, name=op.f("pk_scope_digest")),
    )


def _fill(*keys: str) -> None:
    """The table is a cache over `record`: per key the count, and the XOR of the first 64 bits, signed, of SHA-256(`id:seq`)."""
    sums: dict[tuple[str, ...], list[int]] = {}
    page = sa.text(f"SELECT id, seq, {', '.join(keys)} FROM record WHERE id > :after AND seq > 0 ORDER BY id LIMIT {PAGE}")
    after = ""
    while rows := op.get_bind().execute(page, {"after": after}).all():
        after = rows[-1][0]
        for rec, seq, *key in rows:
            total = sums.setdefault(tuple(key), [0, 0])
            total[0] += 1
            total[1] ^= int.from_bytes(sha256(f"{rec}:{seq}".encode()).digest()[:8], "big", signed=True)
    table = sa.table("scope_digest", *(sa.column(name) for name in (*keys, "count", "xor")))
    op.bulk_insert(table, [dict(zip(keys, key, strict=True), count=count, xor=xor) for key, (count, xor) in sums.items()])
