"""where a deed came from, when a sign-in was last used, who still has a given password

Revision ID: 20261124_06
Revises: 20261124_05
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261124_06"
down_revision = "20261124_05"
branch_labels = None
depends_on = None

COLUMNS = (
    # Lines of before stay as they are: the log is append-only, and nobody knows any more where they came from.
    ("audit", sa.Column("address", sa.String(length=60), nullable=True)),
    ("audit", sa.Column("request_id", sa.String(length=32), nullable=True)),
    ("grant", sa.Column("seen_at", sa.BigInteger(), nullable=True)),
    ("grant", sa.Column("confirmed_at", sa.BigInteger(), nullable=True)),
    # Passwords of before may be their users' own: nobody is made to change what he chose.
    ("user", sa.Column("pw_given", sa.Boolean(), server_default=sa.false(), nullable=False)),
)


def upgrade() -> None:
    for table, column in COLUMNS:
        op.add_column(table, column.copy())


def downgrade() -> None:
    for table, column in reversed(COLUMNS):
        op.drop_column(table, column.name)
