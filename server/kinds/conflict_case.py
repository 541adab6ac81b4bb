"""Record kind `conflict_case` (冲突处理).

The human side of a conflict (protocol section 7): who deals with it, by when. The conflict itself is derived from heads.
This file is the only declaration of the kind: columns, labels, merge rules, TypeScript and forms derive from it.
"""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from server.db import Base
from server.kinds import lists
from server.kinds.columns import EVERYONE, About, RecordRow, Str, declare


class ConflictCase(RecordRow, Base):
    """Shown values of one conflict_case record."""

    __tablename__ = "k_conflict_case"
    __kind__ = About("冲突处理", "Conflict case", "station", EVERYONE, "rec", subject="rec")

    rec: Mapped[Str] = declare("记录", "Record", "ref", index=True)
    field: Mapped[Str] = declare("字段", "Field")
    rec_kind: Mapped[Str] = declare("记录类别", "Record kind")
    assignee: Mapped[Str] = declare("指派给", "Assignee", "user")
    note: Mapped[Str] = declare("备注", "Note", "note")
    due: Mapped[Str] = declare("期限", "Due", "date")
    asked: Mapped[Str] = declare("已询问", "Asked", "user")
    status: Mapped[Str] = declare("状态", "Status", choices=lists.case_status)
