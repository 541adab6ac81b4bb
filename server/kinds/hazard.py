"""Record kind `hazard` (隐患).

A finding and its rectification (M-27): 发现→登记→整改→复查→销号. Severity and status are cautious.
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
    Bool,
    Int,
    Json,
    Located,
    RecordRow,
    Str,
    declare,
)


class Hazard(RecordRow, Located, Base):
    """Shown values of one hazard record."""

    __tablename__ = "k_hazard"
    __kind__ = About("隐患", "Hazard", "station", EVERYONE, "title")

    code: Mapped[Str] = declare("编号", "Code", index=True)
    title: Mapped[Str] = declare("隐患描述", "Title", required=True)
    hazard_type: Mapped[Str] = declare("隐患类型", "Hazard type", choices=lists.hazard_type)
    finding_kind: Mapped[Str] = declare("发现类别", "Finding kind", choices=lists.finding_kind)
    topic: Mapped[Str] = declare("治理专题", "Topic", choices=lists.hazard_topic)
    block: Mapped[Str] = declare("责任块", "Block", codes="grid_cell")
    place: Mapped[Str] = declare("具体位置", "Place")
    point: Mapped[Json] = declare("位置", "Position", "point")
    severity: Mapped[Str] = declare("隐患等级", "Severity", merge="cautious", choices=lists.severity)
    status: Mapped[Str] = declare("状态", "Status", merge="cautious", choices=lists.hazard_status, index=True, reserved={"failed": HEADS, "closed": HEADS})
    self_handled: Mapped[Bool] = declare("自治处置", "Handled on the spot", "bool")
    measure: Mapped[Str] = declare("应对措施", "Measure", "note")
    plan_text: Mapped[Str] = declare("治理方案", "Rectification plan", "note")
    owner_unit: Mapped[Str] = declare("整改责任单位", "Responsible unit")
    owner_person: Mapped[Str] = declare("整改责任人", "Responsible person")
    due: Mapped[Str] = declare("整改期限", "Due", "date")
    cost: Mapped[Json] = declare("整改资金", "Cost", "decimal2", unit="元")
    patrol: Mapped[Str] = declare("来源巡查", "Patrol", ref="patrol")
    inspection: Mapped[Str] = declare("来源检查", "Inspection", ref="inspection")
    item_id: Mapped[Str] = declare("检查项", "Checklist item")
    source: Mapped[Str] = declare("来源", "Source", choices=lists.hazard_source)
    found_at: Mapped[Int] = declare("发现时间", "Found at", "time")
    found_by: Mapped[Str] = declare("发现人", "Found by", "user")
    note: Mapped[Str] = declare("备注", "Note", "note")
    review_note: Mapped[Str] = declare("复查意见", "Review note", "note")
