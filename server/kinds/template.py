"""Record kind `template` (检查模板).

A versioned checklist; `sections` = [{id,title,items:[{id,title,method,rectify,difficulty,severity,
hazard_type}]}]: the last two are what the hazard made of a failing item starts with.
This file is the only declaration of the kind: columns, labels, merge rules, TypeScript and forms derive from it.
"""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from server.db import Base
from server.kinds import lists
from server.kinds.columns import TOWN, About, Int, Json, RecordRow, Str, declare


class Template(RecordRow, Base):
    """Shown values of one template record."""

    __tablename__ = "k_template"
    __kind__ = About("检查模板", "Checklist template", "town", TOWN, "name")

    code: Mapped[Str] = declare("编号", "Code", index=True)
    name: Mapped[Str] = declare("名称", "Name", required=True)
    version: Mapped[Int] = declare("版本", "Version", "int")
    purpose: Mapped[Str] = declare("用途", "Purpose")
    sections: Mapped[Json] = declare("检查内容", "Sections", "json")
    status: Mapped[Str] = declare("状态", "Status", choices=lists.template_status)
