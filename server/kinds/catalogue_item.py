"""Record kind `catalogue_item` (物资目录).

One kind of emergency supply with its par level (S0-附5-三(一)-11)).
This file is the only declaration of the kind: columns, labels, merge rules, TypeScript and forms derive from it.
"""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from server.db import Base
from server.kinds import lists
from server.kinds.columns import TOWN, About, Int, RecordRow, Str, declare


class CatalogueItem(RecordRow, Base):
    """Shown values of one catalogue_item record."""

    __tablename__ = "k_catalogue_item"
    __kind__ = About("物资目录", "Catalogue item", "town", TOWN, "name")

    code: Mapped[Str] = declare("编号", "Code", index=True)
    name: Mapped[Str] = declare("名称", "Name", required=True)
    supply_class: Mapped[Str] = declare("物资类别", "Supply class", choices=lists.supply_class)
    unit: Mapped[Str] = declare("计量单位", "Unit")
    par_level: Mapped[Int] = declare("储备标准", "Par level", "int")
    shelf_life_days: Mapped[Int] = declare("保质期", "Shelf life", "int", unit="天")
    barcode: Mapped[Str] = declare("条码", "Barcode", index=True)
