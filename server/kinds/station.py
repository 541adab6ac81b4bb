"""Record kind `station` (站点).

One neighbourhood or village station (居村联勤联动站, S0-附4-7); `code` is the 12-digit division code.
This file is the only declaration of the kind: columns, labels, merge rules, TypeScript and forms derive from it.
"""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from server.db import Base
from server.kinds import lists
from server.kinds.columns import (
    TOWN,
    About,
    Int,
    Json,
    Located,
    RecordRow,
    Str,
    declare,
)


class Station(RecordRow, Located, Base):
    """Shown values of one station record."""

    __tablename__ = "k_station"
    __kind__ = About("站点", "Station", "town", TOWN, "name")

    code: Mapped[Str] = declare("编号", "Code", index=True)
    name: Mapped[Str] = declare("名称", "Name", required=True)
    committee_type: Mapped[Str] = declare("居村类别", "Committee type", choices=lists.committee_type)
    phone: Mapped[Str] = declare("值班电话", "Duty phone")
    address: Mapped[Str] = declare("地址", "Address")
    point: Mapped[Json] = declare("位置", "Position", "point")
    households: Mapped[Int] = declare("户数", "Households", "int", unit="户")
    population: Mapped[Int] = declare("常住人口", "Residents", "int", unit="人")
    status: Mapped[Str] = declare("状态", "Status", choices=lists.station_status)
