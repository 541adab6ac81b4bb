"""Record kind `unmask` (查看敏感信息).

One look at masked personal fields: who, which fields, why (M-50).
This file is the only declaration of the kind: columns, labels, merge rules, TypeScript and forms derive from it.
"""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from server.db import Base
from server.kinds.columns import EVERYONE, About, Int, Json, RecordRow, Str, declare


class Unmask(RecordRow, Base):
    """Shown values of one unmask record."""

    __tablename__ = "k_unmask"
    __kind__ = About("查看敏感信息", "Unmask", "station", EVERYONE, "reason", subject="person")

    person: Mapped[Str] = declare("人员", "Person", ref="person", index=True)
    fields: Mapped[Json] = declare("字段", "Fields", "json")
    reason: Mapped[Str] = declare("理由", "Reason", "note")
    at: Mapped[Int] = declare("时间", "At", "time")
