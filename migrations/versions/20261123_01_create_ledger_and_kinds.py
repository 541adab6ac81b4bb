"""create ledger and kinds

Revision ID: 20261123_01
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261123_01"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "conflict",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("rec", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("field", sa.String(length=128), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conflict")),
    )
    with op.batch_alter_table("conflict", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_conflict_rec"), ["rec"], unique=False)
        batch_op.create_index("ix_conflict_scope_closed_at", ["scope", "closed_at"], unique=False)

    op.create_table(
        "departure",
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("rec", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "rec", name=op.f("pk_departure")),
    )
    with op.batch_alter_table("departure", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_departure_seq"), ["seq"], unique=False)

    op.create_table(
        "incarnation",
        sa.Column("dev", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("acked", sa.BigInteger(), nullable=False),
        sa.Column("acked_h", sa.String(length=8), nullable=False),
        sa.Column("durable", sa.BigInteger(), nullable=False),
        sa.Column("last_at_c", sa.BigInteger(), nullable=False),
        sa.Column("forked", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("dev", name=op.f("pk_incarnation")),
    )
    with op.batch_alter_table("incarnation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_incarnation_device_id"), ["device_id"], unique=False)

    op.create_table(
        "k_attachment",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("life", sa.Boolean(), nullable=False),
        sa.Column("in_dispute", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("owner_kind", sa.String(), nullable=True),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("file", sa.Text(), nullable=True),
        sa.Column("caption", sa.String(), nullable=True),
        sa.Column("taken_at", sa.BigInteger(), nullable=True),
        sa.Column("point", sa.Text(), nullable=True),
        sa.Column("taken_by", sa.String(), nullable=True),
        sa.Column("lat_e7", sa.BigInteger(), nullable=True),
        sa.Column("lon_e7", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_attachment")),
    )
    with op.batch_alter_table("k_attachment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_k_attachment_owner"), ["owner"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_attachment_scope"), ["scope"], unique=False)

    op.create_table(
        "k_catalogue_item",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("life", sa.Boolean(), nullable=False),
        sa.Column("in_dispute", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("supply_class", sa.String(), nullable=True),
        sa.Column("unit", sa.String(), nullable=True),
        sa.Column("par_level", sa.BigInteger(), nullable=True),
        sa.Column("shelf_life_days", sa.BigInteger(), nullable=True),
        sa.Column("barcode", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_catalogue_item")),
    )
    with op.batch_alter_table("k_catalogue_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_k_catalogue_item_barcode"), ["barcode"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_catalogue_item_code"), ["code"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_catalogue_item_scope"), ["scope"], unique=False)

    op.create_table(
        "k_conflict_case",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("life", sa.Boolean(), nullable=False),
        sa.Column("in_dispute", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("rec", sa.String(), nullable=True),
        sa.Column("field", sa.String(), nullable=True),
        sa.Column("rec_kind", sa.String(), nullable=True),
        sa.Column("assignee", sa.String(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("due", sa.String(length=10), nullable=True),
        sa.Column("asked", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_conflict_case")),
    )
    with op.batch_alter_table("k_conflict_case", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_k_conflict_case_rec"), ["rec"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_conflict_case_scope"), ["scope"], unique=False)

    op.create_table(
        "k_event",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("life", sa.Boolean(), nullable=False),
        sa.Column("in_dispute", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("domain", sa.String(), nullable=True),
        sa.Column("level", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("exercise", sa.Boolean(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_event")),
    )
    with op.batch_alter_table("k_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_k_event_code"), ["code"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_event_scope"), ["scope"], unique=False)

    op.create_table(
        "k_grid_cell",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("life", sa.Boolean(), nullable=False),
        sa.Column("in_dispute", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("level", sa.String(), nullable=True),
        sa.Column("parent", sa.String(), nullable=True),
        sa.Column("station_code", sa.String(), nullable=True),
        sa.Column("block_type", sa.String(), nullable=True),
        sa.Column("geometry", sa.Text(), nullable=True),
        sa.Column("responsible_unit", sa.String(), nullable=True),
        sa.Column("owner_unit", sa.String(), nullable=True),
        sa.Column("maintainer", sa.String(), nullable=True),
        sa.Column("contact", sa.String(), nullable=True),
        sa.Column("contact_phone", sa.String(), nullable=True),
        sa.Column("last_confirmed", sa.String(length=10), nullable=True),
        sa.Column("valid_from", sa.String(length=10), nullable=True),
        sa.Column("valid_to", sa.String(length=10), nullable=True),
        sa.Column("status", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_grid_cell")),
    )
    with op.batch_alter_table("k_grid_cell", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_k_grid_cell_code"), ["code"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_grid_cell_scope"), ["scope"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_grid_cell_station_code"), ["station_code"], unique=False)

    op.create_table(
        "k_hazard",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("life", sa.Boolean(), nullable=False),
        sa.Column("in_dispute", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("title", sa.String(), nullable=True),
        sa.Column("hazard_type", sa.String(), nullable=True),
        sa.Column("finding_kind", sa.String(), nullable=True),
        sa.Column("topic", sa.String(), nullable=True),
        sa.Column("block", sa.String(), nullable=True),
        sa.Column("place", sa.String(), nullable=True),
        sa.Column("point", sa.Text(), nullable=True),
        sa.Column("severity", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("self_handled", sa.Boolean(), nullable=True),
        sa.Column("measure", sa.Text(), nullable=True),
        sa.Column("plan_text", sa.Text(), nullable=True),
        sa.Column("owner_unit", sa.String(), nullable=True),
        sa.Column("owner_person", sa.String(), nullable=True),
        sa.Column("due", sa.String(length=10), nullable=True),
        sa.Column("cost", sa.BigInteger(), nullable=True),
        sa.Column("patrol", sa.String(), nullable=True),
        sa.Column("inspection", sa.String(), nullable=True),
        sa.Column("item_id", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("found_at", sa.BigInteger(), nullable=True),
        sa.Column("found_by", sa.String(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("review_note", sa.Text(), nullable=True),
        sa.Column("lat_e7", sa.BigInteger(), nullable=True),
        sa.Column("lon_e7", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_hazard")),
    )
    with op.batch_alter_table("k_hazard", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_k_hazard_code"), ["code"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_hazard_scope"), ["scope"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_hazard_status"), ["status"], unique=False)

    op.create_table(
        "k_inspection",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("life", sa.Boolean(), nullable=False),
        sa.Column("in_dispute", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("template", sa.String(), nullable=True),
        sa.Column("template_version", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.String(), nullable=True),
        sa.Column("block", sa.String(), nullable=True),
        sa.Column("point", sa.Text(), nullable=True),
        sa.Column("patrol", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("ans", sa.Text(), nullable=True),
        sa.Column("lat_e7", sa.BigInteger(), nullable=True),
        sa.Column("lon_e7", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_inspection")),
    )
    with op.batch_alter_table("k_inspection", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_k_inspection_code"), ["code"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_inspection_scope"), ["scope"], unique=False)

    op.create_table(
        "k_patrol",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("life", sa.Boolean(), nullable=False),
        sa.Column("in_dispute", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("plan", sa.String(), nullable=True),
        sa.Column("plan_kind", sa.String(), nullable=True),
        sa.Column("patroller", sa.String(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("blocks_planned", sa.Text(), nullable=True),
        sa.Column("checkins", sa.Text(), nullable=True),
        sa.Column("pauses", sa.Text(), nullable=True),
        sa.Column("gaps", sa.Text(), nullable=True),
        sa.Column("track", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_patrol")),
    )
    with op.batch_alter_table("k_patrol", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_k_patrol_code"), ["code"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_patrol_scope"), ["scope"], unique=False)

    op.create_table(
        "k_patrol_plan",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("life", sa.Boolean(), nullable=False),
        sa.Column("in_dispute", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("station_code", sa.String(), nullable=True),
        sa.Column("plan_kind", sa.String(), nullable=True),
        sa.Column("blocks", sa.Text(), nullable=True),
        sa.Column("points", sa.Text(), nullable=True),
        sa.Column("frequency", sa.String(), nullable=True),
        sa.Column("template", sa.String(), nullable=True),
        sa.Column("valid_from", sa.String(length=10), nullable=True),
        sa.Column("valid_to", sa.String(length=10), nullable=True),
        sa.Column("status", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_patrol_plan")),
    )
    with op.batch_alter_table("k_patrol_plan", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_k_patrol_plan_code"), ["code"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_patrol_plan_scope"), ["scope"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_patrol_plan_station_code"), ["station_code"], unique=False)

    op.create_table(
        "k_person",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("life", sa.Boolean(), nullable=False),
        sa.Column("in_dispute", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("id_no", sa.String(), nullable=True),
        sa.Column("phone", sa.String(), nullable=True),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("emergency_contact", sa.String(), nullable=True),
        sa.Column("emergency_phone", sa.String(), nullable=True),
        sa.Column("situation", sa.Text(), nullable=True),
        sa.Column("block", sa.String(), nullable=True),
        sa.Column("building", sa.String(), nullable=True),
        sa.Column("categories", sa.Text(), nullable=True),
        sa.Column("evac_kind", sa.String(), nullable=True),
        sa.Column("group_size", sa.BigInteger(), nullable=True),
        sa.Column("responsible_a", sa.String(), nullable=True),
        sa.Column("responsible_b", sa.String(), nullable=True),
        sa.Column("shelter", sa.String(), nullable=True),
        sa.Column("route", sa.Text(), nullable=True),
        sa.Column("transport", sa.String(), nullable=True),
        sa.Column("special_need", sa.Text(), nullable=True),
        sa.Column("mobility_aid", sa.String(), nullable=True),
        sa.Column("tag_code", sa.String(), nullable=True),
        sa.Column("pinyin", sa.String(), nullable=True),
        sa.Column("review_status", sa.String(), nullable=True),
        sa.Column("last_confirmed", sa.String(length=10), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_person")),
    )
    with op.batch_alter_table("k_person", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_k_person_block"), ["block"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_person_scope"), ["scope"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_person_tag_code"), ["tag_code"], unique=False)

    op.create_table(
        "k_setting",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("life", sa.Boolean(), nullable=False),
        sa.Column("in_dispute", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("label", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_setting")),
    )
    with op.batch_alter_table("k_setting", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_k_setting_key"), ["key"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_setting_scope"), ["scope"], unique=False)

    op.create_table(
        "k_shelter",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("life", sa.Boolean(), nullable=False),
        sa.Column("in_dispute", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("shelter_kind", sa.String(), nullable=True),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("point", sa.Text(), nullable=True),
        sa.Column("station_code", sa.String(), nullable=True),
        sa.Column("effective_area_m2", sa.BigInteger(), nullable=True),
        sa.Column("capacity", sa.BigInteger(), nullable=True),
        sa.Column("contact", sa.String(), nullable=True),
        sa.Column("contact_phone", sa.String(), nullable=True),
        sa.Column("facilities", sa.Text(), nullable=True),
        sa.Column("accessible", sa.Boolean(), nullable=True),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("lat_e7", sa.BigInteger(), nullable=True),
        sa.Column("lon_e7", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_shelter")),
    )
    with op.batch_alter_table("k_shelter", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_k_shelter_code"), ["code"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_shelter_scope"), ["scope"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_shelter_station_code"), ["station_code"], unique=False)

    op.create_table(
        "k_station",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("life", sa.Boolean(), nullable=False),
        sa.Column("in_dispute", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("committee_type", sa.String(), nullable=True),
        sa.Column("phone", sa.String(), nullable=True),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("point", sa.Text(), nullable=True),
        sa.Column("households", sa.BigInteger(), nullable=True),
        sa.Column("population", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("lat_e7", sa.BigInteger(), nullable=True),
        sa.Column("lon_e7", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_station")),
    )
    with op.batch_alter_table("k_station", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_k_station_code"), ["code"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_station_scope"), ["scope"], unique=False)

    op.create_table(
        "k_stock_count",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("life", sa.Boolean(), nullable=False),
        sa.Column("in_dispute", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("store", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("lines", sa.Text(), nullable=True),
        sa.Column("review_note", sa.Text(), nullable=True),
        sa.Column("counted_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_stock_count")),
    )
    with op.batch_alter_table("k_stock_count", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_k_stock_count_code"), ["code"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_stock_count_scope"), ["scope"], unique=False)

    op.create_table(
        "k_stock_item",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("life", sa.Boolean(), nullable=False),
        sa.Column("in_dispute", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("catalogue", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("unit", sa.String(), nullable=True),
        sa.Column("store", sa.String(), nullable=True),
        sa.Column("level", sa.String(), nullable=True),
        sa.Column("min_level", sa.BigInteger(), nullable=True),
        sa.Column("keeper", sa.String(), nullable=True),
        sa.Column("keeper_phone", sa.String(), nullable=True),
        sa.Column("agreement_no", sa.String(), nullable=True),
        sa.Column("agreement_until", sa.String(length=10), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_stock_item")),
    )
    with op.batch_alter_table("k_stock_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_k_stock_item_scope"), ["scope"], unique=False)

    op.create_table(
        "k_stock_lot",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("life", sa.Boolean(), nullable=False),
        sa.Column("in_dispute", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("item", sa.String(), nullable=True),
        sa.Column("lot_no", sa.String(), nullable=True),
        sa.Column("expiry", sa.String(length=10), nullable=True),
        sa.Column("condition", sa.String(), nullable=True),
        sa.Column("on_hand", sa.BigInteger(), nullable=True),
        sa.Column("location", sa.String(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("on_hand_recount", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_stock_lot")),
    )
    with op.batch_alter_table("k_stock_lot", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_k_stock_lot_item"), ["item"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_stock_lot_scope"), ["scope"], unique=False)

    op.create_table(
        "k_stock_movement",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("life", sa.Boolean(), nullable=False),
        sa.Column("in_dispute", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("item", sa.String(), nullable=True),
        sa.Column("lot", sa.String(), nullable=True),
        sa.Column("movement_type", sa.String(), nullable=True),
        sa.Column("qty", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("counterpart", sa.String(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_stock_movement")),
    )
    with op.batch_alter_table("k_stock_movement", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_k_stock_movement_code"), ["code"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_stock_movement_scope"), ["scope"], unique=False)

    op.create_table(
        "k_template",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("life", sa.Boolean(), nullable=False),
        sa.Column("in_dispute", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.Column("purpose", sa.String(), nullable=True),
        sa.Column("sections", sa.Text(), nullable=True),
        sa.Column("status", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_template")),
    )
    with op.batch_alter_table("k_template", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_k_template_code"), ["code"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_template_scope"), ["scope"], unique=False)

    op.create_table(
        "k_transfer",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("life", sa.Boolean(), nullable=False),
        sa.Column("in_dispute", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.String(), nullable=True),
        sa.Column("person", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("mode", sa.String(), nullable=True),
        sa.Column("shelter", sa.String(), nullable=True),
        sa.Column("arrived_at", sa.BigInteger(), nullable=True),
        sa.Column("handled_by", sa.String(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("history", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_transfer")),
    )
    with op.batch_alter_table("k_transfer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_k_transfer_event"), ["event"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_transfer_person"), ["person"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_transfer_scope"), ["scope"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_transfer_status"), ["status"], unique=False)

    op.create_table(
        "k_unmask",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("life", sa.Boolean(), nullable=False),
        sa.Column("in_dispute", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.String(), nullable=True),
        sa.Column("fields", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_k_unmask")),
    )
    with op.batch_alter_table("k_unmask", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_k_unmask_person"), ["person"], unique=False)
        batch_op.create_index(batch_op.f("ix_k_unmask_scope"), ["scope"], unique=False)

    op.create_table(
        "op_log",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("dev", sa.String(length=32), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("h", sa.String(length=8), nullable=False),
        sa.Column("rec", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("user", sa.String(length=80), nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.Column("node", sa.String(length=16), nullable=False),
        sa.Column("rx_at", sa.BigInteger(), nullable=False),
        sa.Column("at_c", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("why", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_op_log")),
        sa.UniqueConstraint("dev", "n", "h", name=op.f("uq_op_log_dev_n_h")),
    )
    with op.batch_alter_table("op_log", schema=None) as batch_op:
        batch_op.create_index("ix_op_log_rec", ["rec"], unique=False)

    op.create_table(
        "quarantine",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("op_id", sa.BigInteger(), nullable=True),
        sa.Column("dev", sa.String(length=32), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("why", sa.String(length=64), nullable=False),
        sa.Column("rx_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sa.UniqueConstraint("dev", "n", "sha", name=op.f("uq_quarantine_dev_n_sha")),
    )
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_quarantine_state"), ["state"], unique=False)

    op.create_table(
        "record",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("open_conflicts", sa.Integer(), nullable=False),
        sa.Column("parked_since", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record")),
    )
    with op.batch_alter_table("record", schema=None) as batch_op:
        waiting = sa.text("parked_since IS NOT NULL")
        batch_op.create_index(
            "ix_record_parked_since",
            ["parked_since"],
            unique=False,
            sqlite_where=waiting,
            postgresql_where=waiting,
        )
        batch_op.create_index("ix_record_scope_seq", ["scope", "seq"], unique=False)

    op.create_table(
        "scope_digest",
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("xor", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_scope_digest")),
    )
    op.create_table(
        "scope_set",
        sa.Column("hash", sa.String(length=16), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_scope_set")),
    )
    op.create_table(
        "snapshot",
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("etag", sa.String(length=64), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "seq", name=op.f("pk_snapshot")),
    )
    op.create_table(
        "sync_clock",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("node", sa.String(length=16), nullable=False),
        sa.Column("epoch", sa.String(length=16), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_clock")),
    )


def downgrade() -> None:
    op.drop_table("sync_clock")
    op.drop_table("snapshot")
    op.drop_table("scope_set")
    op.drop_table("scope_digest")
    with op.batch_alter_table("record", schema=None) as batch_op:
        batch_op.drop_index("ix_record_scope_seq")
        batch_op.drop_index("ix_record_parked_since")

    op.drop_table("record")
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_quarantine_state"))

    op.drop_table("quarantine")
    with op.batch_alter_table("op_log", schema=None) as batch_op:
        batch_op.drop_index("ix_op_log_rec")

    op.drop_table("op_log")
    with op.batch_alter_table("k_unmask", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_k_unmask_scope"))
        batch_op.drop_index(batch_op.f("ix_k_unmask_person"))

    op.drop_table("k_unmask")
    with op.batch_alter_table("k_transfer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_k_transfer_status"))
        batch_op.drop_index(batch_op.f("ix_k_transfer_scope"))
        batch_op.drop_index(batch_op.f("ix_k_transfer_person"))
        batch_op.drop_index(batch_op.f("ix_k_transfer_event"))

    op.drop_table("k_transfer")
    with op.batch_alter_table("k_template", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_k_template_scope"))
        batch_op.drop_index(batch_op.f("ix_k_template_code"))

    op.drop_table("k_template")
    with op.batch_alter_table("k_stock_movement", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_k_stock_movement_scope"))
        batch_op.drop_index(batch_op.f("ix_k_stock_movement_code"))

    op.drop_table("k_stock_movement")
    with op.batch_alter_table("k_stock_lot", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_k_stock_lot_scope"))
        batch_op.drop_index(batch_op.f("ix_k_stock_lot_item"))

    op.drop_table("k_stock_lot")
    with op.batch_alter_table("k_stock_item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_k_stock_item_scope"))

    op.drop_table("k_stock_item")
    with op.batch_alter_table("k_stock_count", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_k_stock_count_scope"))
        batch_op.drop_index(batch_op.f("ix_k_stock_count_code"))

    op.drop_table("k_stock_count")
    with op.batch_alter_table("k_station", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_k_station_scope"))
        batch_op.drop_index(batch_op.f("ix_k_station_code"))

    op.drop_table("k_station")
    with op.batch_alter_table("k_shelter", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_k_shelter_station_code"))
        batch_op.drop_index(batch_op.f("ix_k_shelter_scope"))
        batch_op.drop_index(batch_op.f("ix_k_shelter_code"))

    op.drop_table("k_shelter")
    with op.batch_alter_table("k_setting", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_k_setting_scope"))
        batch_op.drop_index(batch_op.f("ix_k_setting_key"))

    op.drop_table("k_setting")
    with op.batch_alter_table("k_person", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_k_person_tag_code"))
        batch_op.drop_index(batch_op.f("ix_k_person_scope"))
        batch_op.drop_index(batch_op.f("ix_k_person_block"))

    op.drop_table("k_person")
    with op.batch_alter_table("k_patrol_plan", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_k_patrol_plan_station_code"))
        batch_op.drop_index(batch_op.f("ix_k_patrol_plan_scope"))
        batch_op.drop_index(batch_op.f("ix_k_patrol_plan_code"))

    op.drop_table("k_patrol_plan")
    with op.batch_alter_table("k_patrol", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_k_patrol_scope"))
        batch_op.drop_index(batch_op.f("ix_k_patrol_code"))

    op.drop_table("k_patrol")
    with op.batch_alter_table("k_inspection", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_k_inspection_scope"))
        batch_op.drop_index(batch_op.f("ix_k_inspection_code"))

    op.drop_table("k_inspection")
    with op.batch_alter_table("k_hazard", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_k_hazard_status"))
        batch_op.drop_index(batch_op.f("ix_k_hazard_scope"))
        batch_op.drop_index(batch_op.f("ix_k_hazard_code"))

    op.drop_table("k_hazard")
    with op.batch_alter_table("k_grid_cell", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_k_grid_cell_station_code"))
        batch_op.drop_index(batch_op.f("ix_k_grid_cell_scope"))
        batch_op.drop_index(batch_op.f("ix_k_grid_cell_code"))

    op.drop_table("k_grid_cell")
    with op.batch_alter_table("k_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_k_event_scope"))
        batch_op.drop_index(batch_op.f("ix_k_event_code"))

    op.drop_table("k_event")
    with op.batch_alter_table("k_conflict_case", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_k_conflict_case_scope"))
        batch_op.drop_index(batch_op.f("ix_k_conflict_case_rec"))

    op.drop_table("k_conflict_case")
    with op.batch_alter_table("k_catalogue_item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_k_catalogue_item_scope"))
        batch_op.drop_index(batch_op.f("ix_k_catalogue_item_code"))
        batch_op.drop_index(batch_op.f("ix_k_catalogue_item_barcode"))

    op.drop_table("k_catalogue_item")
    with op.batch_alter_table("k_attachment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_k_attachment_scope"))
        batch_op.drop_index(batch_op.f("ix_k_attachment_owner"))

    op.drop_table("k_attachment")
    with op.batch_alter_table("incarnation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_incarnation_device_id"))

    op.drop_table("incarnation")
    with op.batch_alter_table("departure", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_departure_seq"))

    op.drop_table("departure")
    with op.batch_alter_table("conflict", schema=None) as batch_op:
        batch_op.drop_index("ix_conflict_scope_closed_at")
        batch_op.drop_index(batch_op.f("ix_conflict_rec"))

    op.drop_table("conflict")
