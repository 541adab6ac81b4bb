"""Record kind `person` (人员).

A vulnerable or evacuation-roster person (M-46, M-47). Personal: masked by role, every unmask is a record.
This file is the only declaration of the kind: columns, labels, merge rules, TypeScript and forms derive from it.
"""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from server.db import Base
from server.kinds import lists
from server.kinds.columns import EVERYONE, HEADS, About, Int, Json, RecordRow, Str, declare

# A head answers for the roster: who is on it, and who is no longer looked for in an evacuation.
REVIEWED = {"reviewed": HEADS, "active": HEADS, "moved": HEADS, "deceased": HEADS}


class Person(RecordRow, Base):
    """Shown values of one person record."""

    __tablename__ = "k_person"
    __kind__ = About("人员", "Person", "station", EVERYONE, "name", personal=True)

    name: Mapped[Str] = declare("姓名", "Name", privacy="personal")
    id_no: Mapped[Str] = declare("身份证号", "ID number", privacy="sensitive")
    phone: Mapped[Str] = declare("联系电话", "Phone", privacy="sensitive")
    address: Mapped[Str] = declare("居住地址", "Address", privacy="personal")
    emergency_contact: Mapped[Str] = declare("紧急联系人", "Emergency contact", privacy="personal")
    emergency_phone: Mapped[Str] = declare("紧急联系电话", "Emergency phone", privacy="sensitive")
    situation: Mapped[Str] = declare("情况说明", "Situation", "note", privacy="personal")
    block: Mapped[Str] = declare("责任块", "Block", codes="grid_cell", index=True)
    building: Mapped[Str] = declare("楼栋", "Building")
    categories: Mapped[Json] = declare("脆弱性类别", "Categories", "choices", choices=lists.person_category)
    evac_kind: Mapped[Str] = declare("避险转移类别", "Evacuation kind", choices=lists.evac_kind)
    group_size: Mapped[Int] = declare("人数", "Group size", "int", unit="人")
    responsible_a: Mapped[Str] = declare("转移责任人A", "Responsible A")
    responsible_b: Mapped[Str] = declare("转移责任人B", "Responsible B")
    shelter: Mapped[Str] = declare("安置场所", "Shelter", ref="shelter")
    route: Mapped[Str] = declare("转移路线", "Route", "note")
    transport: Mapped[Str] = declare("交通方式", "Transport")
    special_need: Mapped[Str] = declare("特殊需要", "Special need", "note")
    mobility_aid: Mapped[Str] = declare("辅助器具", "Mobility aid")
    tag_code: Mapped[Str] = declare("腕带码", "Tag code", index=True)
    pinyin: Mapped[Str] = declare("拼音首字母", "Pinyin initials", privacy="personal")
    review_status: Mapped[Str] = declare("名册状态", "Review status", choices=lists.person_status, reserved=REVIEWED)
    last_confirmed: Mapped[Str] = declare("最近核实日期", "Last confirmed", "date")
