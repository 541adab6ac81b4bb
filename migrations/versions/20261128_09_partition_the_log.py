"""the log by month of receipt, feed numbers only where the feed reads them

On PostgreSQL the old log becomes the first partition as it stands: not a row is copied. Its new indexes are built and its bound is proven
beside the running server; what needs the log to itself takes milliseconds, and gives up after the lock time-out without a change.

Revision ID: 20261128_09
Revises: 20261124_07
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "20261128_09"
down_revision = "20261124_07"
branch_labels = None
depends_on = None

KINDS = (
    "attachment", "catalogue_item", "conflict_case", "event", "grid_cell", "hazard", "inspection", "patrol", "patrol_plan", "person", "setting",
    "shelter", "station", "stock_count", "stock_item", "stock_lot", "stock_movement", "template", "transfer", "unmask",
)  # fmt: skip
AHEAD = 3
# So long before the end of a month the coming one belongs to the first partition as well: the server goes on writing meanwhile.
MARGIN_MS = 2 * 86_400_000
RANGE = 1 << 64


def month_of(ms: int, later: int = 0) -> int:
    """The number of a month, UTC."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.year * 12 + moment.month - 1 + later


def start_ms(month: int) -> int:
    """The first millisecond of a month."""
    return int(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp() * 1000)


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        op.drop_column("op_log", "seq")
        digests_on_sqlite(lambda xor: int(xor, 16) - (RANGE if int(xor, 16) >= RANGE // 2 else 0), sa.BigInteger())
    else:
        partition()
        op.execute("ALTER TABLE scope_digest ALTER COLUMN xor TYPE BIGINT USING ('x' || xor)::bit(64)::bigint")
    for kind in KINDS:
        op.drop_column(f"k_{kind}", "seq")


def digests_on_sqlite(convert: object, kind: sa.types.TypeEngine[object]) -> None:
    """The few rows of `scope_digest` with another type of `xor`."""
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT scope, count, xor FROM scope_digest")).all()
    op.drop_table("scope_digest")
    made = op.create_table(
        "scope_digest",
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("xor", kind, nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_scope_digest")),
    )
    if rows:
        op.bulk_insert(made, [{"scope": scope, "count": count, "xor": convert(xor)} for scope, count, xor in rows])  # type: ignore[operator]


def partition() -> None:
    """The log of PostgreSQL."""
    connection = op.get_bind()
    now = time.time_ns() // 1_000_000
    newest = connection.execute(sa.text("SELECT MAX(rx_at) FROM op_log")).scalar()
    first = month_of(now)
    if newest is None:
        op.execute("DROP TABLE op_log")
        create_parent()
    else:
        first = month_of(max(now + MARGIN_MS, newest), 1)
        prepare(start_ms(first))
        attach_old(start_ms(first))
    for month in range(first, max(first, month_of(now, AHEAD)) + 1):
        name = f"op_log_{month // 12}_{month % 12 + 1:02d}"
        op.execute(f"CREATE TABLE {name} PARTITION OF op_log FOR VALUES FROM ({start_ms(month)}) TO ({start_ms(month + 1)})")
    op.execute("CREATE TABLE op_log_default PARTITION OF op_log DEFAULT")


def prepare(until: int) -> None:
    """Indexes and bound of the old log, beside the running server."""
    with op.get_context().autocommit_block():
        for name in ("pk_op_log_before", "op_log_before_dev_n_idx"):
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")  # of a run that was given up
        op.execute("CREATE UNIQUE INDEX CONCURRENTLY pk_op_log_before ON op_log (id, rx_at)")
        op.execute("CREATE INDEX CONCURRENTLY op_log_before_dev_n_idx ON op_log (dev, n)")
        op.execute("ALTER TABLE op_log DROP CONSTRAINT IF EXISTS op_log_before_rx_at")
        op.execute(f"ALTER TABLE op_log ADD CONSTRAINT op_log_before_rx_at CHECK (rx_at < {until}) NOT VALID")
        op.execute("ALTER TABLE op_log VALIDATE CONSTRAINT op_log_before_rx_at")


def attach_old(until: int) -> None:
    """The old log under its new parent: only the catalogue changes."""
    for statement in (
        "ALTER TABLE op_log RENAME TO op_log_before",
        "ALTER TABLE op_log_before DROP COLUMN seq, DROP CONSTRAINT pk_op_log, DROP CONSTRAINT uq_op_log_dev_n_h",
        "ALTER TABLE op_log_before ADD CONSTRAINT pk_op_log_before PRIMARY KEY USING INDEX pk_op_log_before",
        "ALTER INDEX ix_op_log_rec RENAME TO op_log_before_rec_idx",
        "ALTER SEQUENCE op_log_id_seq OWNED BY NONE",
    ):
        op.execute(statement)
    create_parent()
    op.execute(f"ALTER TABLE op_log ATTACH PARTITION op_log_before FOR VALUES FROM (MINVALUE) TO ({until})")


def create_parent() -> None:
    """The partitioned table. (dev, n) need not be unique here: an author's row moves from n to n + 1 once (`write_author`)."""
    op.execute("CREATE SEQUENCE IF NOT EXISTS op_log_id_seq")
    op.execute("""CREATE TABLE op_log (
        id BIGINT NOT NULL DEFAULT nextval('op_log_id_seq'), dev VARCHAR(32) NOT NULL, n BIGINT NOT NULL, h VARCHAR(8) NOT NULL,
        rec VARCHAR(80) NOT NULL, kind VARCHAR(80) NOT NULL, scope VARCHAR(80) NOT NULL, "user" VARCHAR(80) NOT NULL, line BYTEA NOT NULL,
        node VARCHAR(16) NOT NULL, rx_at BIGINT NOT NULL, at_c BIGINT NOT NULL, verdict VARCHAR(16) NOT NULL, why VARCHAR(64),
        device VARCHAR(64) NOT NULL DEFAULT '', CONSTRAINT pk_op_log PRIMARY KEY (id, rx_at)
    ) PARTITION BY RANGE (rx_at)""")
    op.execute("ALTER SEQUENCE op_log_id_seq OWNED BY op_log.id")
    op.execute("CREATE INDEX ix_op_log_rec ON op_log (rec)")
    op.execute("CREATE INDEX ix_op_log_dev_n ON op_log (dev, n)")


def downgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        op.add_column("op_log", sa.Column("seq", sa.BigInteger(), server_default="0", nullable=False))
        digests_on_sqlite(lambda xor: f"{xor % RANGE:016x}", sa.String(length=16))
    else:
        op.execute("ALTER TABLE scope_digest ALTER COLUMN xor TYPE VARCHAR(16) USING lpad(to_hex(xor), 16, '0')")
        op.execute("ALTER TABLE op_log RENAME TO op_log_parts")
        op.execute("ALTER TABLE op_log_parts RENAME CONSTRAINT pk_op_log TO pk_op_log_parts")
        for index in ("rec", "dev_n"):
            op.execute(f"ALTER INDEX ix_op_log_{index} RENAME TO ix_op_log_parts_{index}")
        op.execute("CREATE TABLE op_log (LIKE op_log_parts INCLUDING DEFAULTS, seq BIGINT NOT NULL DEFAULT 0)")
        op.execute("ALTER SEQUENCE op_log_id_seq OWNED BY op_log.id")
        op.execute("INSERT INTO op_log SELECT *, 0 FROM op_log_parts")
        op.execute("DROP TABLE op_log_parts")
        op.execute("ALTER TABLE op_log ADD CONSTRAINT pk_op_log PRIMARY KEY (id), ADD CONSTRAINT uq_op_log_dev_n_h UNIQUE (dev, n, h)")
        op.execute("CREATE INDEX ix_op_log_rec ON op_log (rec)")
    for kind in KINDS:
        op.add_column(f"k_{kind}", sa.Column("seq", sa.BigInteger(), server_default="0", nullable=False))
