"""what hash a line kept aside was told to have, so that a brought line finds its place in a chain

Revision ID: 20261128_14
Revises: 20261128_13
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261128_14"
down_revision = "20261128_13"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("quarantine", sa.Column("h", sa.String(length=8), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("quarantine") as batch:
        batch.drop_column("h")
