"""The demo town as op drafts: a deterministic function of a seed number and sizes.

Pure: no database, no clock (the day is an argument). Drafts are (kind, scope, fields) with plain values; `seed.load` turns them
into ops. Everything invented; ids are derived from the seed, so the same number always makes the same town.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from random import Random
from typing import Any

from seed.activity import activity
from seed.checklist import sections
from seed.geometry import Area, Lattice, blocks_of, village_areas
from seed.names import demo_phone, impossible_id, person_name, station_names

TOWN_CODE = "310199101"
BEIJING = timezone(timedelta(hours=8))
BLOCK_TYPES = (
    "residential", "village_group", "enterprise", "office_building", "commercial", "public_body", "school", "scenic",
    "culture_sport", "medical", "elderly_care", "construction", "public_area", "other",
)  # fmt: skip
BLOCK_WORDS = (
    "小区", "村队组", "园区", "楼宇", "商业街", "服务中心", "学校", "绿地", "文化中心", "卫生站", "养老院", "工地", "公共区域", "其它",
)  # fmt: skip
CATALOGUE = (
    ("铁锹", "rescue", "把", 20, None), ("灭火器", "rescue", "具", 16, 1825), ("防洪沙袋", "rescue", "只", 400, 1095),
    ("挡水板", "rescue", "块", 12, None), ("应急照明灯", "rescue", "只", 10, 1825), ("救生衣", "rescue", "件", 20, 1825),
    ("雨衣", "rescue", "件", 30, None), ("抽水泵", "rescue", "台", 2, None), ("压缩饼干", "living", "箱", 12, 730),
    ("饮用水", "living", "箱", 40, 365), ("折叠床", "living", "张", 30, None), ("布草", "living", "套", 30, None),
)  # fmt: skip
HAZARD_WORDS = {
    "corridor_clutter": "楼道堆放纸箱杂物", "ebike_charging": "门厅停放电瓶车充电", "falling_object": "空调外机支架锈蚀",
    "old_house": "外墙饰面空鼓开裂", "shop_sign": "店招面板松动翘边", "illegal_building": "天井搭建彩钢棚",
    "outdoor_ad": "广告牌支架锈蚀", "manhole_missing": "窨井盖破损", "fire_lane_blocked": "消防通道违停",
}  # fmt: skip

# How far the exercise has come: weight by state.
TRANSFERS = {"pending": 60, "notified": 14, "moving": 8, "arrived": 15, "refused": 1, "missing": 1, "away": 1}


@dataclass(frozen=True, slots=True)
class Draft:
    """One record to write. `counts` are counter values; `logs` are entries written by ops of their own."""

    rec: str
    kind: str
    scope: str
    fields: dict[str, Any]
    counts: dict[str, int]
    logs: list[tuple[str, Any]] = field(default_factory=list)


class Town:
    """Generates the drafts; keeps the ids that later drafts refer to."""

    def __init__(self, seed: int, stations: int, records: int, today: date) -> None:
        """`records` is about how many station records (people, stock, hazards) there are in all."""
        self.random = Random(seed)
        self.today = today
        self.areas, self.columns, self.rows = village_areas(stations)
        self.lattice = Lattice(self.random, self.columns, self.rows)
        self.stations = station_names(stations)
        self.per_station = max(12, records // stations)
        self._ids = 0
        self._seed = seed
        self.catalogue: list[str] = []
        self.shelters: list[str] = []
        self.plans: list[str] = []
        self.event = ""
        self.template = ""

    def code(self, index: int) -> str:
        """12-digit code of the index-th station."""
        return TOWN_CODE + self.stations[index][0]

    def new_id(self) -> str:
        """A UUIDv7-shaped id, unique within the seed."""
        self._ids += 1
        return f"0193a000-{self._ids >> 16 & 0xFFFF:04x}-7{self._seed & 0xFFF:03x}-8000-{self._ids:012x}"

    def draft(self, kind: str, scope: str, counts: dict[str, int] | None = None, **fields: Any) -> Draft:
        """A record with its fields; a None field is left unset."""
        kept = {name: value for name, value in fields.items() if value is not None}
        return Draft(self.new_id(), kind, scope, kept, counts or {})

    def day(self, offset: int) -> str:
        """A date some days from the day of seeding."""
        return (self.today + timedelta(days=offset)).isoformat()

    def moment(self, offset: int, hour: int) -> str:
        """A time in Beijing."""
        day = self.today + timedelta(days=offset)
        return datetime(day.year, day.month, day.day, hour, self.random.randint(0, 59), tzinfo=BEIJING).isoformat()

    def drafts(self) -> Iterator[Draft]:
        """Everything, reference data first."""
        yield from self._settings()
        yield from self._catalogue()
        yield from self._grid()
        yield from self._town_records()
        for index in range(len(self.stations)):
            yield from self._station(index)

    def _settings(self) -> Iterator[Draft]:
        for key, value, label, source in (
            ("flood_season", {"from": "06-01", "to": "09-30"}, "汛期", "由市防汛指挥机构每年公布(防汛条例第30条)；此为演示值"),
            ("hazard_due_days", {"general": 7, "major": 30}, "隐患整改期限(天)", "浦高府〔2023〕50号 附件5 三(一)6 未定天数，镇级设定"),
            ("roster_confirm_days", 183, "人员名册核实周期(天)", "浦高府〔2023〕50号 附件5 三(一)4 每半年1次"),
            ("expiry_warn_days", 30, "效期预警(天)", "浦高府〔2023〕50号 附件5 三(一)11 日常维护管理，镇级设定"),
            ("incident_clock_minutes", {"oral": 30, "written": 60}, "信息报送时限(分钟)", "沪松府〔2022〕86号 三(二)2"),
            ("fire_facility_rate_min", 95, "消防设施完好率(%)", "浦高府〔2023〕50号 附件5 三(一)16"),
            ("block_types", list(BLOCK_TYPES), "责任块类型", "浦高府〔2023〕50号 附件4 10：14类；无村庄的街道可去掉村队组"),
        ):  # fmt: skip
            yield self.draft("setting", "town", key=key, value=value, label=label, source=source)

    def _catalogue(self) -> Iterator[Draft]:
        for number, (name, supply_class, unit, par, shelf) in enumerate(CATALOGUE, 1):
            item = self.draft(
                "catalogue_item", "town", code=f"WZ{number:03d}", name=name, supply_class=supply_class, unit=unit,
                par_level=par, shelf_life_days=shelf, barcode=f"69019900{number:05d}",
            )  # fmt: skip
            self.catalogue.append(item.rec)
            yield item

    def _grid(self) -> Iterator[Draft]:
        whole = Area(0, 0, self.columns, self.rows)
        town = self._cell("town", "示例镇", TOWN_CODE, None, None, whole)
        yield town
        halves = sorted({0, self.columns // 6 * 3 or self.columns, self.columns})
        self.grid_of: dict[int, str] = {}
        for number, (x0, x1) in enumerate(itertools.pairwise(halves), 1):
            grid = self._cell("grid", f"第{number}责任网格", f"{TOWN_CODE}G{number:02d}", town.rec, None, Area(x0, 0, x1, self.rows))
            yield grid
            for x in range(x0, x1):
                self.grid_of[x] = grid.rec
        for index, area in enumerate(self.areas):
            code, name = self.code(index), self.stations[index][1]
            village = self._cell("village", name, code, self.grid_of[area.x0], code, area)
            yield village
            for number, block in enumerate(blocks_of(area), 1):
                kind = (index * 9 + number - 1) % len(BLOCK_TYPES)
                yield self._cell(
                    "block", f"{name[:2]}{BLOCK_WORDS[kind]}{number}", f"{code}{number:03d}", village.rec, code, block,
                    block_type=BLOCK_TYPES[kind], responsible_unit=f"{name}(处置责任主体)", owner_unit=f"示例{BLOCK_WORDS[kind]}管理单位",
                    maintainer="示例物业服务有限公司", contact="示例联系人", contact_phone=demo_phone(self.random),
                    last_confirmed=self.day(-self.random.randint(5, 300)),
                )  # fmt: skip

    def _cell(
        self, level: str, name: str, code: str, parent: str | None, station: str | None, area: Area, **more: Any
    ) -> Draft:
        return self.draft(
            "grid_cell", "town", code=code, name=name, level=level, parent=parent, station_code=station,
            geometry=self.lattice.polygon(area), valid_from="2026-01-01", status="published", **more,
        )  # fmt: skip

    def _town_records(self) -> Iterator[Draft]:
        template = self.draft(
            "template", "town", code="JC-01", name="居村隐患排查表", version=1, sections=sections(), status="published",
            purpose="社区隐患排查清单，每年至少1次(浦高府〔2023〕50号 附件5 三(二)7)",
        )  # fmt: skip
        self.template = template.rec
        yield template
        for index, area in enumerate(self.areas):
            _suffix, name, kind = self.stations[index]
            yield self.draft(
                "station", "town", code=self.code(index), name=name, committee_type=kind, phone=demo_phone(self.random),
                address=f"示例镇{name[:2]}路{index + 1}号", point=self.lattice.middle(area),
                households=self.random.randint(600, 2400), population=self.random.randint(1500, 6500), status="active",
            )  # fmt: skip
            if index % 3 == 0:
                shelter = self.draft(
                    "shelter", "town", code=f"BN{index + 1:02d}", name=f"{name[:2]}应急避难场所", shelter_kind="emergency_shelter",
                    address=f"示例镇{name[:2]}路{index + 1}号", point=self.lattice.middle(area), station_code=self.code(index),
                    effective_area_m2=f"{self.random.randint(300, 2400)}.00", capacity=self.random.randint(120, 800),
                    contact="示例管理员", contact_phone=demo_phone(self.random), facilities="饮水、照明、厕所、充电",
                    accessible=index % 2 == 0, status="open" if index % 6 == 0 else "standby",
                )  # fmt: skip
                self.shelters.append(shelter.rec)
                yield shelter
            plan = self._plan(index)
            self.plans.append(plan.rec)
            yield plan
        event = self.draft(
            "event", "town", code="YL-2026-01", name="防汛转移演练", domain="natural", level="l4", status="active",
            exercise=True, started_at=self.moment(-1, 8),
        )  # fmt: skip
        self.event = event.rec
        yield event

    def _plan(self, index: int) -> Draft:
        area, code, name = self.areas[index], self.code(index), self.stations[index][1]
        blocks = blocks_of(area)
        points = [
            {"id": f"p{number}", "name": f"{number}号点位", "code": f"XA-{code[-3:]}-{number}", "point": self.lattice.middle(block)}
            for number, block in enumerate(blocks[:6], 1)
        ]
        return self.draft(
            "patrol_plan", "town", code=f"XC-{code[-3:]}", name=f"{name}日常巡查", station_code=code,
            plan_kind=("full", "random", "focus")[index % 3], blocks=[f"{code}{n:03d}" for n in range(1, 7)], points=points,
            frequency="每日1次", template=self.template, valid_from="2026-01-01", status="issued",
        )  # fmt: skip

    def _station(self, index: int) -> Iterator[Draft]:
        scope = f"station:{self.code(index)}"
        yield from self._stock(index, scope)
        people = max(6, self.per_station // 2)
        for number in range(people):
            yield from self._person(index, scope, number)
        for number in range(max(3, self.per_station // 6)):
            yield self._hazard(index, scope, number)
        yield from activity(self, index, scope)

    def _stock(self, index: int, scope: str) -> Iterator[Draft]:
        for number, (name, _, unit, par, shelf) in enumerate(CATALOGUE):
            item = self.draft(
                "stock_item", scope, catalogue=self.catalogue[number], name=name, unit=unit, store="居村应急物资仓库",
                level="station" if number % 5 else "agreement", min_level=par, keeper="示例保管员",
                keeper_phone=demo_phone(self.random), agreement_no=None if number % 5 else f"XY-{index + 1:02d}-{number + 1:02d}",
                agreement_until=None if number % 5 else self.day(self.random.randint(-10, 300)),
            )  # fmt: skip
            yield item
            for lot in range(2 if shelf else 1):
                held = self.random.randint(par // 3, par)
                yield self.draft(
                    "stock_lot", scope, {"on_hand": held}, item=item.rec, lot_no=f"{self.day(-200 - lot * 90)[:7]}-{lot + 1}",
                    expiry=self.day(self.random.randint(-20, 500)) if shelf else None, condition="intact",
                    location=f"{number // 4 + 1}号货架",
                )  # fmt: skip

    def _person(self, index: int, scope: str, number: int) -> Iterator[Draft]:
        random = self.random
        name, initials = person_name(random)
        evac = ("site_shed", "unsafe_house", "seawall_work", "farm_tenant", "sheltering_vessel")[number % 5] if number % 2 else None
        categories = None if evac else random.sample(["living_alone", "very_old", "child", "physical_disability", "illness"], random.randint(1, 2))
        shelter = random.choice(self.shelters)
        block = f"{self.code(index)}{random.randint(1, 9):03d}"
        contact, _ = person_name(random)
        person = self.draft(
            "person", scope, name=name, pinyin=initials, id_no=impossible_id(random), phone=demo_phone(random),
            address=f"示例镇{self.stations[index][1][:2]}路{random.randint(1, 300)}弄{random.randint(1, 40)}号{random.randint(1, 6)}0{random.randint(1, 4)}室",
            building=f"{random.randint(1, 40)}号楼", block=block, emergency_contact=contact, emergency_phone=demo_phone(random),
            situation="需要协助下楼" if number % 3 == 0 else "行动自如", categories=categories, evac_kind=evac,
            group_size=random.randint(1, 4) if evac else 1, responsible_a="示例责任人甲", responsible_b="示例责任人乙",
            shelter=shelter if number % 7 else None, transport="社区巴士" if number % 3 else "步行",
            tag_code=f"T{index + 1:02d}{number + 1:04d}", review_status="active" if number % 4 else "entered",
            last_confirmed=self.day(-random.randint(1, 240)),
        )  # fmt: skip
        yield person
        if evac:
            status = random.choices(list(TRANSFERS), list(TRANSFERS.values()))[0]
            there = status == "arrived"
            yield self.draft(
                "transfer", scope, event=self.event, person=person.rec, status=status, shelter=shelter,
                mode=random.choice(("central", "central", "relatives")) if there else None, arrived_at=self.moment(-1, 17) if there else None,
            )  # fmt: skip

    def _hazard(self, index: int, scope: str, number: int) -> Draft:
        random = self.random
        kind = list(HAZARD_WORDS)[number % len(HAZARD_WORDS)]
        area = blocks_of(self.areas[index])[number % 9]
        status = ("found", "registered", "rectifying", "recheck", "closed")[number % 5]
        return self.draft(
            "hazard", scope, code=f"S{index + 1:02d}-{number + 1:04d}", title=HAZARD_WORDS[kind], hazard_type=kind,
            finding_kind="main_hazard", topic="ebike" if kind == "ebike_charging" else "hazard_mark",
            block=f"{self.code(index)}{number % 9 + 1:03d}", place=f"{random.randint(1, 40)}号楼{random.randint(1, 6)}层",
            point=self.lattice.middle(area), severity="major" if number % 6 == 5 else "general", status=status,
            measure="已告知责任人，限期整改", owner_unit="示例物业服务有限公司", due=self.day(random.randint(-6, 25)),
            source="patrol", found_at=self.moment(-random.randint(1, 60), random.randint(8, 17)),
        )  # fmt: skip
