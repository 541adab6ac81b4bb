"""Record kind `event` (应急事件).

An emergency event or an exercise (M-53); an exercise is marked so that drills never pollute real statistics.
This file is the only declaration of the kind: columns, labels, merge rules, TypeScript and forms derive from it.
"""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from server.db import Base
from server.kinds import lists
from server.kinds.columns import TOWN, About, Bool, Int, RecordRow, Str, declare


class Event(RecordRow, Base):
    """Shown values of one event record."""

    __tablename__ = "k_event"
    __kind__ = About("应急事件", "Event", "town", TOWN, "name")

    code: Mapped[Str] = declare("编号", "Code", index=True)
    name: Mapped[Str] = declare("名称", "Name", required=True)
    domain: Mapped[Str] = declare("领域", "Domain", choices=lists.event_domain)
    level: Mapped[Str] = declare("等级", "Level", choices=lists.event_level)
    status: Mapped[Str] = declare("状态", "Status", choices=lists.event_status)
    exercise: Mapped[Bool] = declare("演练", "Exercise", "bool")
    started_at: Mapped[Int] = declare("启动时间", "Started", "time")
    ended_at: Mapped[Int] = declare("终止时间", "Ended", "time")
