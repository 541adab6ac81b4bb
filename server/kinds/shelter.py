"""Record kind `shelter` (避难场所).

An emergency shelter or resettlement site (M-40). Its state is cautious: never shown free when it may be full.
This file is the only declaration of the kind: columns, labels, merge rules, TypeScript and forms derive from it.
"""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from server.db import Base
from server.kinds import lists
from server.kinds.columns import (
    HEADS,
    About,
    Bool,
    Int,
    Json,
    Located,
    RecordRow,
    Str,
    declare,
)


class Shelter(RecordRow, Located, Base):
    """Shown values of one shelter record."""

    __tablename__ = "k_shelter"
    __kind__ = About("避难场所", "Shelter", "town", HEADS, "name")

    code: Mapped[Str] = declare("编号", "Code", index=True)
    name: Mapped[Str] = declare("名称", "Name", required=True)
    shelter_kind: Mapped[Str] = declare("类别", "Kind", choices=lists.shelter_kind)
    address: Mapped[Str] = declare("地址", "Address")
    point: Mapped[Json] = declare("位置", "Position", "point")
    station_code: Mapped[Str] = declare("所属居村代码", "Station code", index=True)
    effective_area_m2: Mapped[Json] = declare("有效避难面积", "Effective area", "decimal2", unit="㎡")
    capacity: Mapped[Int] = declare("容纳人数", "Capacity", "int", unit="人")
    contact: Mapped[Str] = declare("联系人", "Contact")
    contact_phone: Mapped[Str] = declare("联系电话", "Contact phone")
    facilities: Mapped[Str] = declare("设施说明", "Facilities", "note")
    accessible: Mapped[Bool] = declare("无障碍", "Accessible", "bool")
    status: Mapped[Str] = declare("状态", "Status", merge="cautious", choices=lists.shelter_status)
