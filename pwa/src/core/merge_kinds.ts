/**
 * What a folded record shows: values, disputes, counters, sets, logs, life. Mirrors sync/merge_kinds.py.
 * Pure readers of a FoldRecord; they never change it. Invariants: nothing here uses a clock to *decide*; at_c only picks
 * which head is shown while people decide; a dispute is derived from heads and cannot be forgotten.
 */
import type { Field } from "./fields";
import type { FoldRecord } from "./record";
import { split_stamp } from "./stamp";

/** `recount_advised`: a movement and a count happened without knowing of each other. */
export interface CounterState {
  value: number;
  disputed: boolean;
  recount_advised: boolean;
  negative: boolean;
}

export interface Head {
  stamp: string;
  value: any;
  user: string;
  at: number;
}

/** JSON with sorted keys: for equality only, never for hashing. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const object = value as Record<string, unknown>;
  const keys = Object.keys(object).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(object[key])}`).join(",")}}`;
}

/** Equal as JSON: 1 is not true, key order does not matter. */
export const same_value = (left: unknown, right: unknown): boolean => canonical(left) === canonical(right);

export const differ = (values: readonly unknown[]): boolean => values.some((other) => !same_value(values[0], other));

const by_stamp = (a: readonly [string, ...unknown[]], b: readonly [string, ...unknown[]]): number =>
  a[0] < b[0] ? -1 : 1;

/** Every live head of a register, by stamp. */
export function heads(record: FoldRecord, name: string): Head[] {
  const live = record.reg.get(name) ?? [];
  return (live.length < 2 ? live : [...live].sort(by_stamp)).map(([stamp, value]) => {
    const [user, at] = record.meta.get(stamp)!;
    return { stamp, value, user, at };
  });
}

/** The head to show: the only one, or while in dispute the most cautious, else the greatest (at_c, stamp). */
export function shown_head(record: FoldRecord, name: string, field?: Field): Head | undefined {
  const order = field?.merge === "cautious" ? (field.cautious ?? []) : [];
  const caution = (value: unknown) => {
    const at = typeof value === "string" ? order.indexOf(value) : -1;
    return at < 0 ? 0 : order.length - at;
  };
  let best: Head | undefined;
  for (const head of heads(record, name)) {
    const by = best === undefined ? 1 : caution(head.value) - caution(best.value) || head.at - best.at;
    if (by >= 0) best = head; // heads come by stamp, so an equal rank goes to the greater stamp
  }
  return best;
}

export const shown_value = (record: FoldRecord, name: string, field?: Field): any =>
  shown_head(record, name, field)?.value ?? null;

/** Counts ⊕ movements: the smallest counted value, plus every movement no count has included. */
export function counter_state(record: FoldRecord, name: string): CounterState {
  const counter = record.ctr.get(name);
  if (counter === undefined) return { value: 0, disputed: false, recount_advised: false, negative: false };
  const moved = counter.deltas.reduce((sum, [, delta]) => sum + delta, 0);
  const counted = counter.counts.map(([, value]) => value);
  const value = (counted.length > 0 ? Math.min(...counted) : 0) + moved;
  const advised = counter.deltas.some(([, , base]) => counter.counts.some(([stamp]) => !base.includes(stamp)));
  return { value, disputed: differ(counted), recount_advised: advised, negative: value < 0 };
}

/** The distinct values of a set, by the stamp that first added them. */
export function set_values(record: FoldRecord, name: string): any[] {
  const seen = new Map<string, any>();
  for (const [, value] of [...(record.sets.get(name) ?? [])].sort(by_stamp)) {
    const key = canonical(value);
    if (!seen.has(key)) seen.set(key, value);
  }
  return [...seen.values()];
}

/** Entries by corrected time. */
export function log_entries(record: FoldRecord, name: string) {
  return (record.log.get(name) ?? [])
    .map(([stamp, v, retracted]) => {
      const [user, at] = record.meta.get(stamp)!;
      return { stamp, v, user, at, retracted };
    })
    .sort((a, b) => a.at - b.at || (a.stamp < b.stamp ? -1 : 1));
}

/** Deleted only when every deleter together had seen everything that was ever written to the record (M-life). */
export function is_deleted(record: FoldRecord): boolean {
  if (record.life.length === 0 || record.life.some(([, value]) => value === "alive")) return false;
  const seen = new Map<string, number>();
  const raise = (dev: string, n: number) => seen.set(dev, Math.max(seen.get(dev) ?? 0, n));
  for (const [stamp, , vector] of record.life) {
    for (const [dev, n] of Object.entries(vector)) raise(dev, n);
    const [dev, n] = split_stamp(stamp);
    raise(dev, n);
  }
  return [...record.vv].every(([dev, n]) => n <= (seen.get(dev) ?? 0));
}

/** Whether screens list the record. A delete beside an unseen edit keeps it visible; an erased one has nothing to show. */
export const is_visible = (record: FoldRecord): boolean => record.erased === null && !is_deleted(record);

/** Names of the fields in conflict, sorted. */
export function disputes(record: FoldRecord): string[] {
  const found: string[] = [];
  for (const [name, live] of record.reg)
    if (live.length > 1 && differ(live.map(([, value]) => value))) found.push(name);
  for (const [name, counter] of record.ctr) {
    if (counter.counts.length > 1 && differ(counter.counts.map(([, value]) => value))) found.push(name);
  }
  if (record.life.some(([, value]) => value === "deleted") && !is_deleted(record)) found.push("life");
  return found.sort();
}

/** Earliest and latest corrected time among the stamps still referenced. */
export function op_times(record: FoldRecord): { first: number; last: number } {
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  for (const [, at] of record.meta.values()) {
    if (at < first) first = at;
    if (at > last) last = at;
  }
  return { first: Number.isFinite(first) ? first : 0, last };
}
