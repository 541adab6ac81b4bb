"""Record kind `inspection` (检查).

A filled checklist; each answer is its own register `ans.<item_id>` = {r: ok|bad|na, note?, hazard?}.
This file is the only declaration of the kind: columns, labels, merge rules, TypeScript and forms derive from it.
"""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from server.db import Base
from server.kinds import lists
from server.kinds.columns import (
    EVERYONE,
    HEADS,
    About,
    Int,
    Json,
    Located,
    RecordRow,
    Str,
    declare,
)


class Inspection(RecordRow, Located, Base):
    """Shown values of one inspection record."""

    __tablename__ = "k_inspection"
    __kind__ = About("检查", "Inspection", "station", EVERYONE, "place")

    code: Mapped[Str] = declare("编号", "Code", index=True)
    template: Mapped[Str] = declare("检查模板", "Template", ref="template")
    template_version: Mapped[Int] = declare("模板版本", "Template version", "int")
    place: Mapped[Str] = declare("检查场所", "Place")
    block: Mapped[Str] = declare("责任块", "Block", codes="grid_cell")
    point: Mapped[Json] = declare("位置", "Position", "point")
    patrol: Mapped[Str] = declare("所属巡查", "Patrol", ref="patrol")
    status: Mapped[Str] = declare("状态", "Status", choices=lists.inspection_status, reserved={"reviewed": HEADS})
    started_at: Mapped[Int] = declare("开始时间", "Started", "time")
    done_at: Mapped[Int] = declare("完成时间", "Done", "time")
    ans: Mapped[Json] = declare("检查结果", "Answers", "json", "map")
