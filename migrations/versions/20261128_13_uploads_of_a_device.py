"""an upload belongs to one device

Part files that lie there keep their name, which `part` now tells. Downgrading leaves one upload per file, the newest; one whose part
file has a device's name begins anew, and that file is left to whoever runs the server.

Revision ID: 20261128_13
Revises: 20261128_12
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261128_13"
down_revision = "20261128_12"
branch_labels = None
depends_on = None

KEPT = "sha256, length, mime, device_id, created_at, expires_at"


def upgrade() -> None:
    _make_room()
    _create(sa.Column("part", sa.String(length=90), nullable=False), by=("sha256", "device_id"))
    op.execute(f"INSERT INTO upload (part, {KEPT}) SELECT sha256, {KEPT} FROM upload_before")
    op.drop_table("upload_before")


def downgrade() -> None:
    _make_room()
    _create(by=("sha256",))
    newest = "SELECT MAX(o.device_id) FROM upload_before o WHERE o.sha256 = b.sha256 AND o.created_at = (%s)"
    latest = "SELECT MAX(p.created_at) FROM upload_before p WHERE p.sha256 = b.sha256"
    op.execute(f"INSERT INTO upload ({KEPT}) SELECT {KEPT} FROM upload_before b WHERE b.device_id = ({newest % latest})")
    op.drop_table("upload_before")


def _make_room() -> None:
    op.drop_index(op.f("ix_upload_expires_at"), "upload")
    op.rename_table("upload", "upload_before")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE upload_before DROP CONSTRAINT pk_upload")


def _create(*more: sa.Column[str], by: tuple[str, ...]) -> None:
    op.create_table(
        "upload",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("mime", sa.String(length=100), nullable=False),
        sa.Column("device_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        *more,
        sa.PrimaryKeyConstraint(*by, name=op.f("pk_upload")),
    )
    op.create_index(op.f("ix_upload_expires_at"), "upload", ["expires_at"])
