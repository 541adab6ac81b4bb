"""create erasures

Revision ID: 20261128_10
Revises: 20261128_09
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261128_10"
down_revision = "20261128_09"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasure",
        sa.Column("rec", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.String(length=16), nullable=False),
        sa.Column("author", sa.String(length=80), nullable=False),
        sa.Column("ops", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("rec", name=op.f("pk_erasure")),
    )
    op.create_table(
        "erased_file",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_erased_file")),
    )


def downgrade() -> None:
    op.drop_table("erased_file")
    op.drop_table("erasure")
