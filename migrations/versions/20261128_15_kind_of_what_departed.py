"""of what kind a record was that left a scope

Where the record is gone for good nobody knows any more; then a reader of a masked scope is not told, and its digest puts it right (P-28).

Revision ID: 20261128_15
Revises: 20261128_14
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261128_15"
down_revision = "20261128_14"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("departure", sa.Column("kind", sa.String(length=80), nullable=False, server_default=""))
    op.execute("UPDATE departure SET kind = COALESCE((SELECT r.kind FROM record r WHERE r.id = departure.rec), '')")
    with op.batch_alter_table("departure") as batch:
        batch.alter_column("kind", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("departure") as batch:
        batch.drop_column("kind")
