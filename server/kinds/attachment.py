"""Record kind `attachment` (附件).

One photo or file of another record. The bytes travel by sha256; this record only names them.
This file is the only declaration of the kind: columns, labels, merge rules, TypeScript and forms derive from it.
"""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from server.db import Base
from server.kinds import lists
from server.kinds.columns import (
    EVERYONE,
    About,
    Int,
    Json,
    Located,
    RecordRow,
    Str,
    declare,
)


class Attachment(RecordRow, Located, Base):
    """Shown values of one attachment record."""

    __tablename__ = "k_attachment"
    __kind__ = About("附件", "Attachment", "station", EVERYONE, "caption", subject="owner")

    owner_kind: Mapped[Str] = declare("所属类别", "Owner kind")
    owner: Mapped[Str] = declare("所属记录", "Owner", "ref", index=True)
    role: Mapped[Str] = declare("用途", "Role", choices=lists.attachment_role)
    file: Mapped[Json] = declare("文件", "File", "file", "file")
    caption: Mapped[Str] = declare("说明", "Caption")
    taken_at: Mapped[Int] = declare("拍摄时间", "Taken at", "time")
    point: Mapped[Json] = declare("位置", "Position", "point")
    taken_by: Mapped[Str] = declare("拍摄人", "Taken by", "user")
