"""Record kind `patrol` (巡查).

One patrol walked by one person: check-ins, pauses, recorded gaps and track chunks; a gap is never interpolated.
This file is the only declaration of the kind: columns, labels, merge rules, TypeScript and forms derive from it.
"""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from server.db import Base
from server.kinds import lists
from server.kinds.columns import EVERYONE, About, Int, Json, RecordRow, Str, declare


class Patrol(RecordRow, Base):
    """Shown values of one patrol record."""

    __tablename__ = "k_patrol"
    __kind__ = About("巡查", "Patrol", "station", EVERYONE, "code")

    code: Mapped[Str] = declare("编号", "Code", index=True)
    plan: Mapped[Str] = declare("巡查计划", "Plan", ref="patrol_plan")
    plan_kind: Mapped[Str] = declare("巡查方式", "Plan kind", choices=lists.plan_kind)
    patroller: Mapped[Str] = declare("巡查人", "Patroller", "user")
    started_at: Mapped[Int] = declare("开始时间", "Started", "time")
    ended_at: Mapped[Int] = declare("结束时间", "Ended", "time")
    status: Mapped[Str] = declare("状态", "Status", choices=lists.patrol_status)
    blocks_planned: Mapped[Json] = declare("应巡责任块", "Blocks planned", "json", codes="grid_cell")
    checkins: Mapped[Json] = declare(
        "到点", "Check-ins", "json", "append", help_zh="{point_id,name,block,at,method,point,floor,note}"
    )
    pauses: Mapped[Json] = declare("暂停", "Pauses", "json", "append", help_zh="{what,at,reason}")
    gaps: Mapped[Json] = declare("轨迹断点", "Track gaps", "json", "append", help_zh="{from,to,reason}")
    track: Mapped[Json] = declare("轨迹", "Track", "chunk", "track")
    summary: Mapped[Str] = declare("小结", "Summary", "note")
