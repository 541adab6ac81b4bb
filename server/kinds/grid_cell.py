"""Record kind `grid_cell` (网格).

One polygon of the four-layer grid (S0-附4-9 to 11). Every block has a responsible body, confirmed periodically.
This file is the only declaration of the kind: columns, labels, merge rules, TypeScript and forms derive from it.
"""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from server.db import Base
from server.kinds import lists
from server.kinds.columns import TOWN, About, Json, RecordRow, Str, declare


class GridCell(RecordRow, Base):
    """Shown values of one grid_cell record."""

    __tablename__ = "k_grid_cell"
    __kind__ = About("网格", "Grid cell", "town", TOWN, "name")

    code: Mapped[Str] = declare("编号", "Code", index=True)
    name: Mapped[Str] = declare("名称", "Name", required=True)
    level: Mapped[Str] = declare("层级", "Level", choices=lists.grid_level, required=True)
    parent: Mapped[Str] = declare("上级网格", "Parent cell", ref="grid_cell")
    station_code: Mapped[Str] = declare("所属居村代码", "Station code", index=True)
    block_type: Mapped[Str] = declare("责任块类型", "Block type", choices=lists.block_type)
    geometry: Mapped[Json] = declare("边界", "Boundary", "geometry")
    responsible_unit: Mapped[Str] = declare("处置责任主体", "Responsible body")
    owner_unit: Mapped[Str] = declare("权属单位", "Owner")
    maintainer: Mapped[Str] = declare("维护单位", "Maintainer")
    contact: Mapped[Str] = declare("联系人", "Contact")
    contact_phone: Mapped[Str] = declare("联系电话", "Contact phone")
    last_confirmed: Mapped[Str] = declare("最近核实日期", "Last confirmed", "date")
    valid_from: Mapped[Str] = declare("启用日期", "Valid from", "date")
    valid_to: Mapped[Str] = declare("停用日期", "Valid to", "date")
    status: Mapped[Str] = declare("状态", "Status", choices=lists.grid_status)
