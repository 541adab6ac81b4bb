// Generated from server declarations by `python -m server.generate`. Never edit.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
/** WGS-84, 1e-7 degree; accuracy in decimetres. */
export interface PointValue { readonly lat_e7: number; readonly lon_e7: number; readonly acc_dm?: number }
export interface GeometryValue {
  readonly type: "Polygon";
  readonly rings: readonly (readonly (readonly [lon_e7: number, lat_e7: number])[])[];
}
export interface FileValue {
  readonly sha256: string;
  readonly size: number;
  readonly mime: string;
  readonly role: string;
  readonly name?: string;
}
export interface ChunkValue {
  readonly seq: number;
  readonly t0: string;
  readonly t1: string;
  readonly count: number;
  readonly sha256: string;
  readonly size: number;
}

export type CommitteeTypeCode = "neighbourhood" | "village" | "other";
export type StationStatusCode = "active" | "preparing" | "ended";
export type GridLevelCode = "town" | "grid" | "village" | "block";
export type BlockTypeCode = "residential" | "village_group" | "enterprise" | "office_building" | "commercial" | "public_body" | "school" | "scenic" | "culture_sport" | "medical" | "elderly_care" | "construction" | "public_area" | "other";
export type GridStatusCode = "draft" | "checked" | "published" | "superseded";
export type TemplateStatusCode = "draft" | "published" | "retired";
export type SupplyClassCode = "rescue" | "living";
export type ShelterKindCode = "emergency_shelter" | "resettlement";
export type ShelterStatusCode = "ordinary" | "standby" | "open" | "full" | "closed";
export type PlanKindCode = "full" | "random" | "focus";
export type PlanStatusCode = "draft" | "issued" | "stopped";
export type EventDomainCode = "natural" | "accident" | "health" | "society";
export type EventLevelCode = "l1" | "l2" | "l3" | "l4";
export type EventStatusCode = "ordinary" | "warning" | "active" | "raised" | "lowered" | "ended" | "assessed";
export type PatrolStatusCode = "planned" | "ongoing" | "paused" | "done" | "aborted";
export type HazardTypeCode = "old_house" | "outdoor_ad" | "shop_sign" | "illegal_building" | "corridor_clutter" | "falling_object" | "ebike_charging" | "private_wiring" | "manhole_missing" | "fire_lane_blocked" | "other";
export type FindingKindCode = "main_hazard" | "hazard_source" | "dangerous_facility" | "facility_damage" | "equipment_missing";
export type HazardTopicCode = "hazard_source" | "hazard_mark" | "injury_record" | "ebike";
export type SeverityCode = "major" | "general";
export type HazardStatusCode = "found" | "registered" | "rectifying" | "recheck" | "failed" | "closed" | "escalated";
export type HazardSourceCode = "patrol" | "resident" | "hotline" | "video" | "sensor" | "leader" | "district" | "other";
export type InspectionStatusCode = "draft" | "doing" | "done" | "reviewed";
export type StockLevelCode = "town" | "station" | "household" | "social" | "agreement";
export type LotConditionCode = "intact" | "repair" | "scrapped";
export type MovementTypeCode = "receive" | "issue" | "transfer" | "gain" | "loss" | "scrap" | "rotate" | "lend" | "return";
export type CountStatusCode = "planned" | "counting" | "recount" | "investigating" | "head_review" | "town_review" | "completed";
export type PersonCategoryCode = "living_alone" | "very_old" | "child" | "physical_disability" | "illness";
export type EvacKindCode = "site_shed" | "unsafe_house" | "seawall_work" | "farm_tenant" | "sheltering_vessel";
export type PersonStatusCode = "entered" | "reviewed" | "active" | "moved" | "deceased";
export type TransferStatusCode = "missing" | "refused" | "pending" | "notified" | "moving" | "hospital" | "out" | "arrived" | "returned" | "away";
export type TransferModeCode = "central" | "relatives" | "employer";
export type AttachmentRoleCode = "photo" | "before" | "after" | "audio" | "other";
export type CaseStatusCode = "open" | "assigned" | "asked" | "resolved";

/** 站点 */
export interface StationValues {
  /** 编号 · Code */
  readonly code: string | null;
  /** 名称 · Name */
  readonly name: string | null;
  /** 居村类别 · Committee type */
  readonly committee_type: CommitteeTypeCode | (string & {}) | null;
  /** 值班电话 · Duty phone */
  readonly phone: string | null;
  /** 地址 · Address */
  readonly address: string | null;
  /** 位置 · Position */
  readonly point: PointValue | null;
  /** 户数 · Households */
  readonly households: number | null;
  /** 常住人口 · Residents */
  readonly population: number | null;
  /** 状态 · Status */
  readonly status: StationStatusCode | (string & {}) | null;
}

/** 网格 */
export interface GridCellValues {
  /** 编号 · Code */
  readonly code: string | null;
  /** 名称 · Name */
  readonly name: string | null;
  /** 层级 · Level */
  readonly level: GridLevelCode | (string & {}) | null;
  /** 上级网格 · Parent cell */
  readonly parent: string | null;
  /** 所属居村代码 · Station code */
  readonly station_code: string | null;
  /** 责任块类型 · Block type */
  readonly block_type: BlockTypeCode | (string & {}) | null;
  /** 边界 · Boundary */
  readonly geometry: GeometryValue | null;
  /** 处置责任主体 · Responsible body */
  readonly responsible_unit: string | null;
  /** 权属单位 · Owner */
  readonly owner_unit: string | null;
  /** 维护单位 · Maintainer */
  readonly maintainer: string | null;
  /** 联系人 · Contact */
  readonly contact: string | null;
  /** 联系电话 · Contact phone */
  readonly contact_phone: string | null;
  /** 最近核实日期 · Last confirmed */
  readonly last_confirmed: string | null;
  /** 启用日期 · Valid from */
  readonly valid_from: string | null;
  /** 停用日期 · Valid to */
  readonly valid_to: string | null;
  /** 状态 · Status */
  readonly status: GridStatusCode | (string & {}) | null;
}

/** 检查模板 */
export interface TemplateValues {
  /** 编号 · Code */
  readonly code: string | null;
  /** 名称 · Name */
  readonly name: string | null;
  /** 版本 · Version */
  readonly version: number | null;
  /** 用途 · Purpose */
  readonly purpose: string | null;
  /** 检查内容 · Sections */
  readonly sections: Json | null;
  /** 状态 · Status */
  readonly status: TemplateStatusCode | (string & {}) | null;
}

/** 物资目录 */
export interface CatalogueItemValues {
  /** 编号 · Code */
  readonly code: string | null;
  /** 名称 · Name */
  readonly name: string | null;
  /** 物资类别 · Supply class */
  readonly supply_class: SupplyClassCode | (string & {}) | null;
  /** 计量单位 · Unit */
  readonly unit: string | null;
  /** 储备标准 · Par level */
  readonly par_level: number | null;
  /** 保质期 · Shelf life */
  readonly shelf_life_days: number | null;
  /** 条码 · Barcode */
  readonly barcode: string | null;
}

/** 避难场所 */
export interface ShelterValues {
  /** 编号 · Code */
  readonly code: string | null;
  /** 名称 · Name */
  readonly name: string | null;
  /** 类别 · Kind */
  readonly shelter_kind: ShelterKindCode | (string & {}) | null;
  /** 地址 · Address */
  readonly address: string | null;
  /** 位置 · Position */
  readonly point: PointValue | null;
  /** 所属居村代码 · Station code */
  readonly station_code: string | null;
  /** 有效避难面积 · Effective area */
  readonly effective_area_m2: string | null;
  /** 容纳人数 · Capacity */
  readonly capacity: number | null;
  /** 联系人 · Contact */
  readonly contact: string | null;
  /** 联系电话 · Contact phone */
  readonly contact_phone: string | null;
  /** 设施说明 · Facilities */
  readonly facilities: string | null;
  /** 无障碍 · Accessible */
  readonly accessible: boolean | null;
  /** 状态 · Status */
  readonly status: ShelterStatusCode | (string & {}) | null;
}

/** 巡查计划 */
export interface PatrolPlanValues {
  /** 编号 · Code */
  readonly code: string | null;
  /** 名称 · Name */
  readonly name: string | null;
  /** 所属居村代码 · Station code */
  readonly station_code: string | null;
  /** 巡查方式 · Plan kind */
  readonly plan_kind: PlanKindCode | (string & {}) | null;
  /** 责任块 · Blocks */
  readonly blocks: Json | null;
  /** 点位 · Points */
  readonly points: Json | null;
  /** 频次 · Frequency */
  readonly frequency: string | null;
  /** 检查模板 · Template */
  readonly template: string | null;
  /** 开始日期 · Valid from */
  readonly valid_from: string | null;
  /** 结束日期 · Valid to */
  readonly valid_to: string | null;
  /** 状态 · Status */
  readonly status: PlanStatusCode | (string & {}) | null;
}

/** 设置 */
export interface SettingValues {
  /** 键 · Key */
  readonly key: string | null;
  /** 值 · Value */
  readonly value: Json | null;
  /** 依据 · Source */
  readonly source: string | null;
  /** 名称 · Label */
  readonly label: string | null;
}

/** 应急事件 */
export interface EventValues {
  /** 编号 · Code */
  readonly code: string | null;
  /** 名称 · Name */
  readonly name: string | null;
  /** 领域 · Domain */
  readonly domain: EventDomainCode | (string & {}) | null;
  /** 等级 · Level */
  readonly level: EventLevelCode | (string & {}) | null;
  /** 状态 · Status */
  readonly status: EventStatusCode | (string & {}) | null;
  /** 演练 · Exercise */
  readonly exercise: boolean | null;
  /** 启动时间 · Started */
  readonly started_at: string | null;
  /** 终止时间 · Ended */
  readonly ended_at: string | null;
}

/** 巡查 */
export interface PatrolValues {
  /** 编号 · Code */
  readonly code: string | null;
  /** 巡查计划 · Plan */
  readonly plan: string | null;
  /** 巡查方式 · Plan kind */
  readonly plan_kind: PlanKindCode | (string & {}) | null;
  /** 巡查人 · Patroller */
  readonly patroller: string | null;
  /** 开始时间 · Started */
  readonly started_at: string | null;
  /** 结束时间 · Ended */
  readonly ended_at: string | null;
  /** 状态 · Status */
  readonly status: PatrolStatusCode | (string & {}) | null;
  /** 应巡责任块 · Blocks planned */
  readonly blocks_planned: Json | null;
  /** 到点 · Check-ins */
  readonly checkins: readonly Json[];
  /** 暂停 · Pauses */
  readonly pauses: readonly Json[];
  /** 轨迹断点 · Track gaps */
  readonly gaps: readonly Json[];
  /** 轨迹 · Track */
  readonly track: readonly ChunkValue[];
  /** 小结 · Summary */
  readonly summary: string | null;
}

/** 隐患 */
export interface HazardValues {
  /** 编号 · Code */
  readonly code: string | null;
  /** 隐患描述 · Title */
  readonly title: string | null;
  /** 隐患类型 · Hazard type */
  readonly hazard_type: HazardTypeCode | (string & {}) | null;
  /** 发现类别 · Finding kind */
  readonly finding_kind: FindingKindCode | (string & {}) | null;
  /** 治理专题 · Topic */
  readonly topic: HazardTopicCode | (string & {}) | null;
  /** 责任块 · Block */
  readonly block: string | null;
  /** 具体位置 · Place */
  readonly place: string | null;
  /** 位置 · Position */
  readonly point: PointValue | null;
  /** 隐患等级 · Severity */
  readonly severity: SeverityCode | (string & {}) | null;
  /** 状态 · Status */
  readonly status: HazardStatusCode | (string & {}) | null;
  /** 自治处置 · Handled on the spot */
  readonly self_handled: boolean | null;
  /** 应对措施 · Measure */
  readonly measure: string | null;
  /** 治理方案 · Rectification plan */
  readonly plan_text: string | null;
  /** 整改责任单位 · Responsible unit */
  readonly owner_unit: string | null;
  /** 整改责任人 · Responsible person */
  readonly owner_person: string | null;
  /** 整改期限 · Due */
  readonly due: string | null;
  /** 整改资金 · Cost */
  readonly cost: string | null;
  /** 来源巡查 · Patrol */
  readonly patrol: string | null;
  /** 来源检查 · Inspection */
  readonly inspection: string | null;
  /** 检查项 · Checklist item */
  readonly item_id: string | null;
  /** 来源 · Source */
  readonly source: HazardSourceCode | (string & {}) | null;
  /** 发现时间 · Found at */
  readonly found_at: string | null;
  /** 发现人 · Found by */
  readonly found_by: string | null;
  /** 备注 · Note */
  readonly note: string | null;
  /** 复查意见 · Review note */
  readonly review_note: string | null;
}

/** 检查 */
export interface InspectionValues {
  /** 编号 · Code */
  readonly code: string | null;
  /** 检查模板 · Template */
  readonly template: string | null;
  /** 模板版本 · Template version */
  readonly template_version: number | null;
  /** 检查场所 · Place */
  readonly place: string | null;
  /** 责任块 · Block */
  readonly block: string | null;
  /** 位置 · Position */
  readonly point: PointValue | null;
  /** 所属巡查 · Patrol */
  readonly patrol: string | null;
  /** 状态 · Status */
  readonly status: InspectionStatusCode | (string & {}) | null;
  /** 开始时间 · Started */
  readonly started_at: string | null;
  /** 完成时间 · Done */
  readonly done_at: string | null;
  /** 检查结果 · Answers */
  readonly ans: Readonly<Record<string, Json>>;
}

/** 物资 */
export interface StockItemValues {
  /** 目录 · Catalogue item */
  readonly catalogue: string | null;
  /** 名称 · Name */
  readonly name: string | null;
  /** 计量单位 · Unit */
  readonly unit: string | null;
  /** 仓库 · Store */
  readonly store: string | null;
  /** 储备层级 · Level */
  readonly level: StockLevelCode | (string & {}) | null;
  /** 最低库存 · Minimum */
  readonly min_level: number | null;
  /** 保管人 · Keeper */
  readonly keeper: string | null;
  /** 保管人电话 · Keeper phone */
  readonly keeper_phone: string | null;
  /** 协议编号 · Agreement no. */
  readonly agreement_no: string | null;
  /** 协议到期 · Agreement until */
  readonly agreement_until: string | null;
  /** 备注 · Note */
  readonly note: string | null;
}

/** 批次 */
export interface StockLotValues {
  /** 物资 · Item */
  readonly item: string | null;
  /** 批号 · Lot no. */
  readonly lot_no: string | null;
  /** 有效期至 · Expiry */
  readonly expiry: string | null;
  /** 状况 · Condition */
  readonly condition: LotConditionCode | (string & {}) | null;
  /** 库存 · On hand */
  readonly on_hand: number | null;
  /** 货位 · Location */
  readonly location: string | null;
  /** 备注 · Note */
  readonly note: string | null;
}

/** 出入库 */
export interface StockMovementValues {
  /** 编号 · Code */
  readonly code: string | null;
  /** 物资 · Item */
  readonly item: string | null;
  /** 批次 · Lot */
  readonly lot: string | null;
  /** 类型 · Type */
  readonly movement_type: MovementTypeCode | (string & {}) | null;
  /** 数量 · Quantity */
  readonly qty: number | null;
  /** 事由 · Reason */
  readonly reason: string | null;
  /** 对方 · Counterpart */
  readonly counterpart: string | null;
  /** 时间 · At */
  readonly at: string | null;
}

/** 盘点 */
export interface StockCountValues {
  /** 编号 · Code */
  readonly code: string | null;
  /** 仓库 · Store */
  readonly store: string | null;
  /** 状态 · Status */
  readonly status: CountStatusCode | (string & {}) | null;
  /** 盘点明细 · Lines */
  readonly lines: readonly Json[];
  /** 审核意见 · Review note */
  readonly review_note: string | null;
  /** 盘点时间 · Counted at */
  readonly counted_at: string | null;
}

/** 人员 */
export interface PersonValues {
  /** 姓名 · Name */
  readonly name: string | null;
  /** 身份证号 · ID number */
  readonly id_no: string | null;
  /** 联系电话 · Phone */
  readonly phone: string | null;
  /** 居住地址 · Address */
  readonly address: string | null;
  /** 紧急联系人 · Emergency contact */
  readonly emergency_contact: string | null;
  /** 紧急联系电话 · Emergency phone */
  readonly emergency_phone: string | null;
  /** 情况说明 · Situation */
  readonly situation: string | null;
  /** 责任块 · Block */
  readonly block: string | null;
  /** 楼栋 · Building */
  readonly building: string | null;
  /** 脆弱性类别 · Categories */
  readonly categories: readonly (PersonCategoryCode | (string & {}))[] | null;
  /** 避险转移类别 · Evacuation kind */
  readonly evac_kind: EvacKindCode | (string & {}) | null;
  /** 人数 · Group size */
  readonly group_size: number | null;
  /** 转移责任人A · Responsible A */
  readonly responsible_a: string | null;
  /** 转移责任人B · Responsible B */
  readonly responsible_b: string | null;
  /** 安置场所 · Shelter */
  readonly shelter: string | null;
  /** 转移路线 · Route */
  readonly route: string | null;
  /** 交通方式 · Transport */
  readonly transport: string | null;
  /** 特殊需要 · Special need */
  readonly special_need: string | null;
  /** 辅助器具 · Mobility aid */
  readonly mobility_aid: string | null;
  /** 腕带码 · Tag code */
  readonly tag_code: string | null;
  /** 拼音首字母 · Pinyin initials */
  readonly pinyin: string | null;
  /** 名册状态 · Review status */
  readonly review_status: PersonStatusCode | (string & {}) | null;
  /** 最近核实日期 · Last confirmed */
  readonly last_confirmed: string | null;
}

/** 转移 */
export interface TransferValues {
  /** 事件 · Event */
  readonly event: string | null;
  /** 人员 · Person */
  readonly person: string | null;
  /** 转移状态 · Status */
  readonly status: TransferStatusCode | (string & {}) | null;
  /** 安置方式 · Mode */
  readonly mode: TransferModeCode | (string & {}) | null;
  /** 安置场所 · Shelter */
  readonly shelter: string | null;
  /** 到达时间 · Arrived at */
  readonly arrived_at: string | null;
  /** 经办人 · Handled by */
  readonly handled_by: string | null;
  /** 备注 · Note */
  readonly note: string | null;
  /** 流转记录 · History */
  readonly history: readonly Json[];
}

/** 附件 */
export interface AttachmentValues {
  /** 所属类别 · Owner kind */
  readonly owner_kind: string | null;
  /** 所属记录 · Owner */
  readonly owner: string | null;
  /** 用途 · Role */
  readonly role: AttachmentRoleCode | (string & {}) | null;
  /** 文件 · File */
  readonly file: readonly FileValue[];
  /** 说明 · Caption */
  readonly caption: string | null;
  /** 拍摄时间 · Taken at */
  readonly taken_at: string | null;
  /** 位置 · Position */
  readonly point: PointValue | null;
  /** 拍摄人 · Taken by */
  readonly taken_by: string | null;
}

/** 冲突处理 */
export interface ConflictCaseValues {
  /** 记录 · Record */
  readonly rec: string | null;
  /** 字段 · Field */
  readonly field: string | null;
  /** 记录类别 · Record kind */
  readonly rec_kind: string | null;
  /** 指派给 · Assignee */
  readonly assignee: string | null;
  /** 备注 · Note */
  readonly note: string | null;
  /** 期限 · Due */
  readonly due: string | null;
  /** 已询问 · Asked */
  readonly asked: string | null;
  /** 状态 · Status */
  readonly status: CaseStatusCode | (string & {}) | null;
}

/** 查看敏感信息 */
export interface UnmaskValues {
  /** 人员 · Person */
  readonly person: string | null;
  /** 字段 · Fields */
  readonly fields: Json | null;
  /** 理由 · Reason */
  readonly reason: string | null;
  /** 时间 · At */
  readonly at: string | null;
}

export interface ValuesByKind {
  station: StationValues;
  grid_cell: GridCellValues;
  template: TemplateValues;
  catalogue_item: CatalogueItemValues;
  shelter: ShelterValues;
  patrol_plan: PatrolPlanValues;
  setting: SettingValues;
  event: EventValues;
  patrol: PatrolValues;
  hazard: HazardValues;
  inspection: InspectionValues;
  stock_item: StockItemValues;
  stock_lot: StockLotValues;
  stock_movement: StockMovementValues;
  stock_count: StockCountValues;
  person: PersonValues;
  transfer: TransferValues;
  attachment: AttachmentValues;
  conflict_case: ConflictCaseValues;
  unmask: UnmaskValues;
}
export type KindName = keyof ValuesByKind;
