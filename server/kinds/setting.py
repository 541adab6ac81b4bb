"""Record kind `setting` (设置).

A period, threshold or list that binds one town, with the clause it comes from in `source`.
This file is the only declaration of the kind: columns, labels, merge rules, TypeScript and forms derive from it.
"""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from server.db import Base
from server.kinds.columns import ADMIN, About, Json, RecordRow, Str, declare


class Setting(RecordRow, Base):
    """Shown values of one setting record."""

    __tablename__ = "k_setting"
    __kind__ = About("设置", "Setting", "town", ADMIN, "label")

    key: Mapped[Str] = declare("键", "Key", index=True)
    value: Mapped[Json] = declare("值", "Value", "json")
    source: Mapped[Str] = declare("依据", "Source", "note")
    label: Mapped[Str] = declare("名称", "Label")
