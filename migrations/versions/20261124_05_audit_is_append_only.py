"""the audit log is append-only

A line is never changed, and not removed before 183 days have passed (网络安全法 Art. 21: logs for at least six months),
whoever is connected to the database.

Revision ID: 20261124_05
Revises: 20261123_04
"""

from __future__ import annotations

from alembic import op

revision = "20261124_05"
down_revision = "20261123_04"
branch_labels = None
depends_on = None

SQLITE = (
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    """CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
    WHEN OLD.at > (CAST(strftime('%s', 'now') AS INTEGER) - 183 * 86400) * 1000
    BEGIN SELECT RAISE(ABORT, 'the audit log is kept for 183 days'); END""",
)
POSTGRES = (
    # Or replace: a restore drops the tables and migrates anew, and a function outlives the table it guards.
    """CREATE OR REPLACE FUNCTION audit_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'UPDATE' THEN RAISE EXCEPTION 'the audit log is append-only'; END IF;
    IF OLD.at > (EXTRACT(EPOCH FROM clock_timestamp()) - 183 * 86400) * 1000 THEN
        RAISE EXCEPTION 'the audit log is kept for 183 days';
    END IF;
    RETURN OLD; END $$""",
    "CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_kept()",
)


def upgrade() -> None:
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRES:
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER audit_no_update")
        op.execute("DROP TRIGGER audit_no_delete")
    else:
        op.execute("DROP TRIGGER audit_kept ON audit")
        op.execute("DROP FUNCTION audit_kept()")
