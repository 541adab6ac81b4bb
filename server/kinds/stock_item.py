"""Record kind `stock_item` (物资).

One supply kept in one store (M-39: 镇–居村–家庭, 社会储备, 协议储备).
This file is the only declaration of the kind: columns, labels, merge rules, TypeScript and forms derive from it.
"""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from server.db import Base
from server.kinds import lists
from server.kinds.columns import EVERYONE, About, Int, RecordRow, Str, declare


class StockItem(RecordRow, Base):
    """Shown values of one stock_item record."""

    __tablename__ = "k_stock_item"
    __kind__ = About("物资", "Stock item", "station", EVERYONE, "name")

    catalogue: Mapped[Str] = declare("目录", "Catalogue item", ref="catalogue_item")
    name: Mapped[Str] = declare("名称", "Name", required=True)
    unit: Mapped[Str] = declare("计量单位", "Unit")
    store: Mapped[Str] = declare("仓库", "Store")
    level: Mapped[Str] = declare("储备层级", "Level", choices=lists.stock_level)
    min_level: Mapped[Int] = declare("最低库存", "Minimum", "int")
    keeper: Mapped[Str] = declare("保管人", "Keeper")
    keeper_phone: Mapped[Str] = declare("保管人电话", "Keeper phone")
    agreement_no: Mapped[Str] = declare("协议编号", "Agreement no.")
    agreement_until: Mapped[Str] = declare("协议到期", "Agreement until", "date")
    note: Mapped[Str] = declare("备注", "Note", "note")
