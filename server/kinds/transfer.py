"""Record kind `transfer` (转移).

One person's transfer in one event (M-48). The status is cautious: 失联 is never hidden by a later 已到达 that had not seen it.
This file is the only declaration of the kind: columns, labels, merge rules, TypeScript and forms derive from it.
"""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from server.db import Base
from server.kinds import lists
from server.kinds.columns import EVERYONE, About, Int, Json, RecordRow, Str, declare


class Transfer(RecordRow, Base):
    """Shown values of one transfer record."""

    __tablename__ = "k_transfer"
    __kind__ = About("转移", "Transfer", "station", EVERYONE, "status", subject="person")

    event: Mapped[Str] = declare("事件", "Event", ref="event", index=True)
    person: Mapped[Str] = declare("人员", "Person", ref="person", index=True)
    status: Mapped[Str] = declare("转移状态", "Status", merge="cautious", choices=lists.transfer_status, index=True)
    mode: Mapped[Str] = declare("安置方式", "Mode", choices=lists.transfer_mode)
    shelter: Mapped[Str] = declare("安置场所", "Shelter", ref="shelter")
    arrived_at: Mapped[Int] = declare("到达时间", "Arrived at", "time")
    handled_by: Mapped[Str] = declare("经办人", "Handled by", "user")
    note: Mapped[Str] = declare("备注", "Note", "note")
    history: Mapped[Json] = declare("流转记录", "History", "json", "append", help_zh="{status,at,method}")
