"""Choice lists of every record kind: wire code, official Chinese wording, English gloss, source line.

Owns the wording; nothing else may spell these labels. Codes are frozen once released: a list may grow, a code never
changes its meaning. `cautious` names the order in which a disputed value is shown, most cautious first (protocol
M-status). Document keys in `source` are those of the mission table: S0 Gaoqiao 2023-50, S1 Yangpu, S2 Songjiang.
An unknown code is never refused by the server; it is stored and shown raw.
"""

from __future__ import annotations

from sync.fields import Choice, ChoiceList


def _list(name: str, source: str, *lines: str, cautious: tuple[str, ...] | None = None) -> ChoiceList:
    """Build one list from `code|zh|en` lines; a cautious order must name every code exactly once."""
    choices = tuple(Choice(*line.split("|")) for line in lines)
    if cautious is not None and sorted(cautious) != sorted(choice.code for choice in choices):
        raise ValueError(f"cautious order of {name} does not name every code once")
    return ChoiceList(name, choices, source, cautious)


committee_type = _list(
    "committee_type",
    "国家统计局 12位代码: 001–199 居委会, 200–399 村委会",
    "neighbourhood|居委会|Neighbourhood committee",
    "village|村委会|Village committee",
    "other|其他|Other",
)
station_status = _list(
    "station_status",
    "S0-附4-7; units have dates of validity",
    "active|在用|Active",
    "preparing|筹建|Being set up",
    "ended|已撤并|Merged or ended",
)
grid_level = _list(
    "grid_level",
    "S0-附4-9,11: 四级图层",
    "town|乡镇|Town",
    "grid|责任网格|Responsibility grid",
    "village|村居|Village or neighbourhood",
    "block|责任块|Block",
)
block_type = _list(
    "block_type",
    "S0-附4-10: 14 types",
    "residential|小区|Residential estate",
    "village_group|村队组|Village group",
    "enterprise|企业/园区|Enterprise or park",
    "office_building|楼宇|Office building",
    "commercial|商业体|Commercial complex",
    "public_body|公共机构|Public body",
    "school|学校|School",
    "scenic|风景区|Scenic area",
    "culture_sport|文体|Culture and sport",
    "medical|医疗|Medical",
    "elderly_care|养老|Elderly care",
    "construction|工地|Construction site",
    "public_area|公共区域|Public area",
    "other|其它|Other",
)
grid_status = _list(
    "grid_status",
    "M-01: draft → checked → published → superseded",
    "draft|草稿|Draft",
    "checked|已核对|Checked",
    "published|已发布|Published",
    "superseded|已替换|Superseded",
)
template_status = _list(
    "template_status",
    "S1-五(二) 把关机制",
    "draft|草稿|Draft",
    "published|已发布|Published",
    "retired|已停用|Retired",
)
supply_class = _list(
    "supply_class",
    "S0-附5-三(一)-11)",
    "rescue|基础救援物资|Basic rescue supplies",
    "living|基本生活保障物资|Basic living supplies",
)
shelter_kind = _list(
    "shelter_kind",
    "S0-附5-三(二)-10): 应急避难场所或转移安置场所",
    "emergency_shelter|应急避难场所|Emergency shelter",
    "resettlement|转移安置场所|Resettlement site",
)
shelter_status = _list(
    "shelter_status",
    "M-40: 平时→待命→启用→满员→关闭",
    "ordinary|平时|Ordinary",
    "standby|待命|Standby",
    "open|启用|Open",
    "full|满员|Full",
    "closed|关闭|Closed",
    # A place that may be shut or full must never be shown as free.
    cautious=("closed", "full", "ordinary", "standby", "open"),
)
plan_kind = _list(
    "plan_kind",
    "S0-附5-三(一)-5): 全面查、随机查、重点查",
    "full|全面|Full sweep",
    "random|随机|Random",
    "focus|重点|Focused",
)
plan_status = _list(
    "plan_status",
    "M-26: plan → issued",
    "draft|拟定|Draft",
    "issued|已下达|Issued",
    "stopped|已停用|Stopped",
)
event_domain = _list(
    "event_domain",
    "S0-附5-三(一)-18): 四大领域",
    "natural|自然灾害|Natural disaster",
    "accident|安全生产|Work safety",
    "health|公共卫生|Public health",
    "society|社会安全|Public security",
)
event_level = _list(
    "event_level",
    "突发事件应对法 art 3",
    "l1|特别重大|Level I",
    "l2|重大|Level II",
    "l3|较大|Level III",
    "l4|一般|Level IV",
)
event_status = _list(
    "event_status",
    "M-53: 平时→预警→启动→升/降级→终止→评估",
    "ordinary|平时|Ordinary",
    "warning|预警|Warning",
    "active|启动|Active",
    "raised|升级|Raised",
    "lowered|降级|Lowered",
    "ended|终止|Ended",
    "assessed|已评估|Assessed",
)
patrol_status = _list(
    "patrol_status",
    "M-26: issued → doing → done",
    "planned|待开始|Planned",
    "ongoing|进行中|Ongoing",
    "paused|暂停|Paused",
    "done|已完成|Done",
    "aborted|已中止|Aborted",
)
hazard_type = _list(
    "hazard_type",
    "S0-附5-三(二)-7) seven types; 三(二)-6) monitored topics",
    "old_house|老旧房屋|Old building",
    "outdoor_ad|户外广告设施|Outdoor advertising",
    "shop_sign|店招店牌|Shop sign",
    "illegal_building|违章搭建|Illegal construction",
    "corridor_clutter|楼道堆物|Clutter in corridors",
    "falling_object|高空坠物|Falling objects",
    "ebike_charging|电瓶车充电|E-bike charging",
    "private_wiring|私拉电线|Unsafe wiring",
    "manhole_missing|窨井盖丢失|Missing manhole cover",
    "fire_lane_blocked|消防通道违停|Blocked fire lane",
    "other|其他|Other",
)
finding_kind = _list(
    "finding_kind",
    "S0-附5-三(一)-6): five kinds",
    "main_hazard|主要隐患|Main hazard",
    "hazard_source|事故危险源|Source of danger",
    "dangerous_facility|危险设施|Dangerous facility",
    "facility_damage|设施损坏|Damaged facility",
    "equipment_missing|设备缺失|Missing equipment",
)
hazard_topic = _list(
    "hazard_topic",
    "S0-附5-三(一)-6): four topics of the rectification plan",
    "hazard_source|危险源|Source of danger",
    "hazard_mark|隐患点标识|Marking of hazard points",
    "injury_record|事故伤害记录|Injury record",
    "ebike|电动自行车管理|E-bike management",
)
severity = _list(
    "severity",
    "总局令16号 art 3: 一般事故隐患, 重大事故隐患",
    "major|重大|Major",
    "general|一般|General",
    cautious=("major", "general"),
)
hazard_status = _list(
    "hazard_status",
    "M-27: 发现→登记定级→整改→复查→销号 / 上报",
    "found|发现|Found",
    "registered|已登记|Registered",
    "rectifying|整改中|Being rectified",
    "recheck|待复查|Awaiting recheck",
    "failed|复查不合格|Recheck failed",
    "closed|已销号|Closed",
    "escalated|已上报|Escalated",
    # Everything open stands before closed: a hazard is never shown as settled while anyone holds it open.
    cautious=("escalated", "failed", "found", "registered", "rectifying", "recheck", "closed"),
)
hazard_source = _list(
    "hazard_source",
    "M-21: sources of findings",
    "patrol|巡查发现|Patrol",
    "resident|群众反映|Resident",
    "hotline|12345热线|12345 hotline",
    "video|视频巡查|Video",
    "sensor|智能感知|Sensor",
    "leader|领导交办|Leader",
    "district|上级派发|District",
    "other|其他|Other",
)
inspection_status = _list(
    "inspection_status",
    "M-26: doing → done → reviewed",
    "draft|草稿|Draft",
    "doing|检查中|Doing",
    "done|已完成|Done",
    "reviewed|已复核|Reviewed",
)
stock_level = _list(
    "stock_level",
    "S0-附5-三(一)-11): 镇–社区–家庭, 社会储备, 协议储备",
    "town|镇|Town",
    "station|居村|Station",
    "household|家庭|Household",
    "social|社会储备|Social reserve",
    "agreement|协议储备|Agreement reserve",
)
lot_condition = _list(
    "lot_condition",
    "M-39: 日常维护管理",
    "intact|完好|Intact",
    "repair|待修|Needs repair",
    "scrapped|报废|Scrapped",
)
movement_type = _list(
    "movement_type",
    "M-39: movements, append-only",
    "receive|入库|Receive",
    "issue|出库|Issue",
    "transfer|调拨|Transfer",
    "gain|盘盈|Stocktake gain",
    "loss|盘亏|Stocktake loss",
    "scrap|报废|Scrap",
    "rotate|轮换|Rotate",
    "lend|借出|Lend",
    "return|归还|Return",
)
count_status = _list(
    "count_status",
    "M-39: 计划→清点→复点→差异核查→站长复核→镇审核→完成",
    "planned|计划|Planned",
    "counting|清点|Counting",
    "recount|复点|Recount",
    "investigating|差异核查|Investigating",
    "head_review|站长复核|Station review",
    "town_review|镇审核|Town review",
    "completed|完成|Completed",
)
person_category = _list(
    "person_category",
    "S0-附5-三(一)-4); 三(二)-8)",
    "living_alone|独居老人|Elderly living alone",
    "very_old|高龄老人|Very old",
    "child|儿童|Child",
    "physical_disability|肢体残疾|Physical disability",
    "illness|身心疾病|Physical or mental illness",
)
evac_kind = _list(
    "evac_kind",
    "S0-附5-三(二)-9): five kinds",
    "site_shed|在建工地临房|Temporary housing on a site",
    "unsafe_house|危旧房屋|Unsafe old house",
    "seawall_work|海塘外作业施工|Work outside the seawall",
    "farm_tenant|租地农民工|Tenant farm worker",
    "sheltering_vessel|避风船只|Sheltering vessel",
)
person_status = _list(
    "person_status",
    "M-46: 录入→站长复核→生效→迁出/死亡",
    "entered|录入|Entered",
    "reviewed|已复核|Reviewed",
    "active|生效|Active",
    "moved|迁出|Moved away",
    "deceased|死亡|Deceased",
)
transfer_status = _list(
    "transfer_status",
    "M-48: 待转移→已通知→转移中→已到达→已返回; 拒转、失联、在外地 flagged",
    "missing|失联|Missing",
    "refused|拒转|Refused",
    "pending|待转移|Pending",
    "notified|已通知|Notified",
    "moving|转移中|Moving",
    "hospital|送医|Sent to hospital",
    "out|外出|Temporarily out",
    "arrived|已到达|Arrived",
    "returned|已返回|Returned",
    "away|在外地|Out of town",
    cautious=(
        "missing", "refused", "pending", "notified", "moving", "hospital", "out", "arrived", "returned", "away",
    ),
)  # fmt: skip
transfer_mode = _list(
    "transfer_mode",
    "M-48: 集中安置点 / 投亲靠友 / 单位自行",
    "central|集中安置点|Central site",
    "relatives|投亲靠友|With relatives",
    "employer|单位自行|By employer",
)
attachment_role = _list(
    "attachment_role",
    "M-27: 整改前后照片",
    "photo|照片|Photo",
    "before|整改前|Before",
    "after|整改后|After",
    "audio|录音|Audio",
    "other|其他|Other",
)
case_status = _list(
    "case_status",
    "protocol section 7",
    "open|待处理|Open",
    "assigned|已指派|Assigned",
    "asked|已询问|Author asked",
    "resolved|已裁决|Resolved",
)

LISTS: dict[str, ChoiceList] = {value.name: value for value in tuple(globals().values()) if isinstance(value, ChoiceList)}
