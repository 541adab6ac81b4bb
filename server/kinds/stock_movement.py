"""Record kind `stock_movement` (出入库).

One movement slip, grouped with the `inc` on its lot so that both count or neither.
This file is the only declaration of the kind: columns, labels, merge rules, TypeScript and forms derive from it.
"""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from server.db import Base
from server.kinds import lists
from server.kinds.columns import EVERYONE, About, Int, RecordRow, Str, declare


class StockMovement(RecordRow, Base):
    """Shown values of one stock_movement record."""

    __tablename__ = "k_stock_movement"
    __kind__ = About("出入库", "Stock movement", "station", EVERYONE, "code")

    code: Mapped[Str] = declare("编号", "Code", index=True)
    item: Mapped[Str] = declare("物资", "Item", ref="stock_item")
    lot: Mapped[Str] = declare("批次", "Lot", ref="stock_lot")
    movement_type: Mapped[Str] = declare("类型", "Type", choices=lists.movement_type)
    qty: Mapped[Int] = declare("数量", "Quantity", "int")
    reason: Mapped[Str] = declare("事由", "Reason", "note")
    counterpart: Mapped[Str] = declare("对方", "Counterpart")
    at: Mapped[Int] = declare("时间", "At", "time")
