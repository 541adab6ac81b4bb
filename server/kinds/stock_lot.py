"""Record kind `stock_lot` (批次).

One lot of a supply; `on_hand` is a counter, so movements of several hands add up exactly once.
This file is the only declaration of the kind: columns, labels, merge rules, TypeScript and forms derive from it.
"""

from __future__ import annotations

from sqlalchemy import Boolean
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base
from server.kinds import lists
from server.kinds.columns import EVERYONE, About, Bool, Int, RecordRow, Str, declare


class StockLot(RecordRow, Base):
    """Shown values of one stock_lot record."""

    __tablename__ = "k_stock_lot"
    __kind__ = About("批次", "Lot", "station", EVERYONE, "lot_no")

    item: Mapped[Str] = declare("物资", "Item", ref="stock_item", index=True)
    lot_no: Mapped[Str] = declare("批号", "Lot no.")
    expiry: Mapped[Str] = declare("有效期至", "Expiry", "date")
    condition: Mapped[Str] = declare("状况", "Condition", choices=lists.lot_condition)
    on_hand: Mapped[Int] = declare("库存", "On hand", "int", "counter")
    location: Mapped[Str] = declare("货位", "Location")
    note: Mapped[Str] = declare("备注", "Note", "note")
    # Not a field: a delta no stocktaker had seen makes the figure uncertain, and the list must show it.
    on_hand_recount: Mapped[Bool] = mapped_column(Boolean)
