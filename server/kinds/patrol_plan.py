"""Record kind `patrol_plan` (巡查计划).

A full, random or focused patrol plan (M-26); `blocks` = [code], `points` = [{id,name,code,point}].
This file is the only declaration of the kind: columns, labels, merge rules, TypeScript and forms derive from it.
"""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from server.db import Base
from server.kinds import lists
from server.kinds.columns import HEADS, About, Json, RecordRow, Str, declare


class PatrolPlan(RecordRow, Base):
    """Shown values of one patrol_plan record."""

    __tablename__ = "k_patrol_plan"
    __kind__ = About("巡查计划", "Patrol plan", "town", HEADS, "name")

    code: Mapped[Str] = declare("编号", "Code", index=True)
    name: Mapped[Str] = declare("名称", "Name", required=True)
    station_code: Mapped[Str] = declare("所属居村代码", "Station code", index=True)
    plan_kind: Mapped[Str] = declare("巡查方式", "Plan kind", choices=lists.plan_kind)
    blocks: Mapped[Json] = declare("责任块", "Blocks", "json", codes="grid_cell")
    points: Mapped[Json] = declare("点位", "Points", "json")
    frequency: Mapped[Str] = declare("频次", "Frequency")
    template: Mapped[Str] = declare("检查模板", "Template", ref="template")
    valid_from: Mapped[Str] = declare("开始日期", "Valid from", "date")
    valid_to: Mapped[Str] = declare("结束日期", "Valid to", "date")
    status: Mapped[Str] = declare("状态", "Status", choices=lists.plan_status)
