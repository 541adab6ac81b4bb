"""who delivered an op

Ops stored before name the device their author was last seen on.

Revision ID: 20261123_04
Revises: 20261123_03
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261123_04"
down_revision = "20261123_03"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Plain ADD COLUMN on both databases: the log is never rewritten.
    op.add_column("op_log", sa.Column("device", sa.String(length=64), server_default="", nullable=False))
    op.execute("UPDATE op_log SET device = COALESCE((SELECT i.device_id FROM incarnation i WHERE i.dev = op_log.dev), '')")


def downgrade() -> None:
    op.drop_column("op_log", "device")
