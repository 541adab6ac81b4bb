/**
 * Rules of the field work that several screens share: own scope, next legal steps, what is due.
 * Owns the step tables (M-27, M-48) and thresholds. Pure apart from reading records; must not write.
 */
import { field_of } from "../../core/fields";
import { may_set } from "../../core/judge";
import type { Engine, Rec } from "../../engine";
import { KINDS } from "../../generated/kinds";
import type { Key } from "../../i18n";
import { days_until } from "../../i18n";

/** Scope of new station records: the station of who is unlocked. */
export function own_scope(engine: Engine): string {
  const station = engine.session.station?.code ?? engine.session.user?.stations[0]?.code;
  return station ? `station:${station}` : "town";
}

/** The roles that count at the station in use: who heads one station is no head at another (P-44). */
function roles_here(engine: Engine): string[] {
  const user = engine.session.user;
  const posts = user?.stations ?? [];
  const here = posts.filter((post) => `station:${post.code}` === own_scope(engine));
  return (user?.roles ?? []).filter(
    (role) => here.some((post) => post.role === role) || !posts.some((post) => post.role === role),
  );
}

export const is_head = (engine: Engine): boolean => roles_here(engine).some((role) => role !== "patroller");

/** Whether who is unlocked may set this; the server would put it before a person otherwise (sync/judge.py). */
export function may_choose(engine: Engine, kind: string, field: string, value: string): boolean {
  const declared = field_of(KINDS[kind], field);
  return declared === undefined || may_set(declared, value, roles_here(engine));
}

export interface NextStep {
  to: string;
  verb: Key;
  primary?: boolean;
}

const step = (to: string, verb: Key, primary = false): NextStep => ({ to, verb, primary });

/** M-27: 发现→登记定级→整改→申请复查→复查合格·销号 / 不合格→再整改; 重大→上报. */
export const HAZARD_STEPS: Record<string, NextStep[]> = {
  found: [step("registered", "hazard.to_registered", true), step("escalated", "hazard.to_escalated")],
  registered: [step("rectifying", "hazard.to_rectifying", true), step("escalated", "hazard.to_escalated")],
  rectifying: [step("recheck", "hazard.to_recheck", true), step("escalated", "hazard.to_escalated")],
  recheck: [step("closed", "hazard.to_closed", true), step("failed", "hazard.to_failed")],
  failed: [step("rectifying", "hazard.to_rectifying_again", true), step("escalated", "hazard.to_escalated")],
  escalated: [step("rectifying", "hazard.to_rectifying", true), step("recheck", "hazard.to_recheck")],
  closed: [step("rectifying", "hazard.to_reopened")],
};

/** M-48: 待转移→已通知→转移中→已到达→(外出/送医)→已返回; 拒转、失联、在外地 from every open state. */
export const TRANSFER_STEPS: Record<string, NextStep[]> = {
  pending: [
    step("notified", "transfer.notified", true),
    step("moving", "transfer.moving"),
    step("arrived", "transfer.arrived"),
    step("refused", "transfer.refused"),
    step("missing", "transfer.missing"),
    step("away", "transfer.away"),
  ],
  notified: [
    step("moving", "transfer.moving", true),
    step("arrived", "transfer.arrived"),
    step("refused", "transfer.refused"),
    step("missing", "transfer.missing"),
    step("away", "transfer.away"),
  ],
  moving: [
    step("arrived", "transfer.arrived", true),
    step("hospital", "transfer.hospital"),
    step("missing", "transfer.missing"),
    step("refused", "transfer.refused"),
  ],
  refused: [
    step("notified", "transfer.notified"),
    step("moving", "transfer.moving", true),
    step("arrived", "transfer.arrived"),
    step("missing", "transfer.missing"),
  ],
  missing: [
    step("notified", "transfer.found_again", true),
    step("moving", "transfer.moving"),
    step("arrived", "transfer.arrived"),
    step("away", "transfer.away"),
  ],
  arrived: [
    step("out", "transfer.out"),
    step("hospital", "transfer.hospital"),
    step("returned", "transfer.returned"),
    step("missing", "transfer.missing"),
  ],
  hospital: [step("arrived", "transfer.arrived", true), step("returned", "transfer.returned")],
  out: [
    step("arrived", "transfer.arrived", true),
    step("returned", "transfer.returned"),
    step("missing", "transfer.missing"),
  ],
  away: [
    step("notified", "transfer.notified"),
    step("arrived", "transfer.arrived"),
    step("returned", "transfer.returned"),
  ],
  returned: [step("pending", "transfer.pending")],
};

/** Stocktake: 计划→清点→复点→差异核查→站长复核→镇审核→完成 (M-39). */
export const COUNT_ORDER = [
  "planned",
  "counting",
  "recount",
  "investigating",
  "head_review",
  "town_review",
  "completed",
];

export const EXPIRING_DAYS = 60;

export const is_open_hazard = (rec: Rec): boolean => rec.v.status !== "closed";
export const is_overdue = (rec: Rec): boolean => is_open_hazard(rec) && days_until(rec.v.due) < 0;
export const is_running_event = (rec: Rec): boolean =>
  ["warning", "active", "raised", "lowered"].includes(String(rec.v.status));
export const is_of_station = (rec: Rec, scope: string): boolean =>
  scope === "town" || scope === `station:${String(rec.v.station_code)}`;

export interface StockLine {
  item: Rec;
  lots: Rec[];
  on_hand: number;
  below: boolean;
  expiring: Rec[];
  recount: boolean;
  negative: boolean;
}

export const on_hand = (lot: Rec): number => lot.counters.on_hand?.value ?? 0;

export function stock_lines(items: readonly Rec[], lots: readonly Rec[]): StockLine[] {
  const lots_by_item = new Map<string, Rec[]>();
  for (const lot of lots) lots_by_item.set(lot.v.item, [...(lots_by_item.get(lot.v.item) ?? []), lot]);
  return items.map((item) => {
    const own = lots_by_item.get(item.id) ?? [];
    const usable = own.filter((lot) => lot.v.condition !== "scrapped");
    const total = usable.reduce((sum, lot) => sum + on_hand(lot), 0);
    return {
      item,
      lots: own,
      on_hand: total,
      below: typeof item.v.min_level === "number" && total < item.v.min_level,
      expiring: usable.filter((lot) => on_hand(lot) > 0 && days_until(lot.v.expiry) <= EXPIRING_DAYS),
      recount: own.some((lot) => lot.counters.on_hand?.recount_advised === true),
      negative: own.some((lot) => on_hand(lot) < 0),
    };
  });
}

/** How many persons one roster row stands for. */
export const heads_of = (person: Rec | undefined): number => {
  const n = person?.v.group_size;
  return typeof n === "number" && n > 0 ? n : 1;
};
