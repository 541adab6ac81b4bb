"""Record kind `stock_count` (盘点).

A stocktake; each line {item,lot,expected,counted,by} is grouped with the `count` on its lot.
This file is the only declaration of the kind: columns, labels, merge rules, TypeScript and forms derive from it.
"""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from server.db import Base
from server.kinds import lists
from server.kinds.columns import EVERYONE, HEADS, About, Int, Json, RecordRow, Str, declare


class StockCount(RecordRow, Base):
    """Shown values of one stock_count record."""

    __tablename__ = "k_stock_count"
    __kind__ = About("盘点", "Stocktake", "station", EVERYONE, "code")

    code: Mapped[Str] = declare("编号", "Code", index=True)
    store: Mapped[Str] = declare("仓库", "Store")
    status: Mapped[Str] = declare("状态", "Status", choices=lists.count_status, reserved={"town_review": HEADS, "completed": HEADS})
    lines: Mapped[Json] = declare("盘点明细", "Lines", "json", "append")
    review_note: Mapped[Str] = declare("审核意见", "Review note", "note")
    counted_at: Mapped[Int] = declare("盘点时间", "Counted at", "time")
