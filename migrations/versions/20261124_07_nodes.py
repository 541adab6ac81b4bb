"""nodes that exchange ops

Revision ID: 20261124_07
Revises: 20261124_06
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261124_07"
down_revision = "20261124_06"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chain_digest",
        sa.Column("dev", sa.String(length=32), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("xor", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("dev", name=op.f("pk_chain_digest")),
    )
    op.create_table(
        "peer",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("node", sa.String(length=16), nullable=False),
        sa.Column("epoch", sa.String(length=16), nullable=False),
        sa.Column("own_epoch", sa.String(length=16), nullable=False),
        sa.Column("accounts", sa.String(length=64), nullable=False),
        sa.Column("met_at", sa.BigInteger(), nullable=False),
        sa.Column("files_at", sa.BigInteger(), nullable=False),
        sa.Column("listed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_peer")),
    )
    op.create_table(
        "peer_file",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_peer_file")),
    )


def downgrade() -> None:
    op.drop_table("peer_file")
    op.drop_table("peer")
    op.drop_table("chain_digest")
