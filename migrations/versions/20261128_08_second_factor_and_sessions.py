"""second factors, given passwords that run out, where a sign-in came from

Revision ID: 20261128_08
Revises: 20261128_10
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261128_08"
down_revision = "20261128_10"
branch_labels = None
depends_on = None

COLUMNS = (
    # Sign-ins of before stay without: nobody knows any more where they came from.
    ("grant", sa.Column("address", sa.String(length=60), nullable=True)),
    ("user", sa.Column("pw_until", sa.BigInteger(), nullable=True)),
)


def upgrade() -> None:
    for table, column in COLUMNS:
        op.add_column(table, column.copy())
    op.create_table(
        "second_factor",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("pending", sa.LargeBinary(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("codes", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["id"], ["user.id"], name=op.f("fk_second_factor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_second_factor")),
    )


def downgrade() -> None:
    op.drop_table("second_factor")
    for table, column in reversed(COLUMNS):
        op.drop_column(table, column.name)
