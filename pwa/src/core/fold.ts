/**
 * The fold: a record as a pure, order-free function of the set of its ops. Mirrors sync/fold.py step by step.
 * Owns FoldRecord, its canonical wire state and `fold_op`. No I/O, no clock. Invariants:
 * 1 heads of a register = its ops minus every op another op names as parent; the verb drives the fold, so kinds and
 *   fields this version has never heard of fold like any other (P-41);
 * 2 a parent is known exactly when n ≤ vv[dev] and it is not itself waiting; otherwise only that field waits (P-10);
 * 3 folding an op twice changes nothing (n ≤ vv); equal op sets give equal states on every node.
 */
import { differ, disputes } from "./merge_kinds";
import type { Fop, Op, Seen, WireState } from "./op";
import { split_stamp } from "./stamp";

const SCOPE = "scope";

/** `counts`: live stocktakes. `seen`: what any stocktake ever included. `deltas`: the rest. */
export interface Counter {
  counts: [stamp: string, value: number][];
  seen: Seen;
  deltas: [stamp: string, delta: number, base: string[]][];
}

export type FoldVerdict = "applied" | "absorbed" | "conflict" | "parked" | "duplicate";

export interface Outcome {
  verdict: FoldVerdict;
  changed: string[];
}

export type Waiting = [stamp: string, user: string, at_c: number, field: string, fop: Fop];

/** One record in memory. `meta` gives [user, at_c] of every stamp that is referenced. */
export interface FoldRecord {
  id: string;
  kind: string;
  scope: string;
  vv: Map<string, number>;
  meta: Map<string, [user: string, at_c: number]>;
  reg: Map<string, [stamp: string, value: any][]>;
  ctr: Map<string, Counter>;
  sets: Map<string, [stamp: string, value: any][]>;
  log: Map<string, [stamp: string, value: any, gone: boolean][]>;
  life: [stamp: string, value: string, seen: Seen][];
  wait: Waiting[];
  void: Map<string, string[]>;
}

export function new_record(id: string, kind: string): FoldRecord {
  return {
    id,
    kind,
    scope: "",
    vv: new Map(),
    meta: new Map(),
    reg: new Map(),
    ctr: new Map(),
    sets: new Map(),
    log: new Map(),
    life: [],
    wait: [],
    void: new Map(),
  };
}

const text_order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const sorted_keys = (map: Map<string, unknown>): string[] => [...map.keys()].sort(text_order);
const sorted_seen = (seen: Seen): Seen =>
  Object.fromEntries(Object.entries(seen).sort((a, b) => text_order(a[0], b[0])));

/** The highest n per incarnation among stamps. */
export function implied_vector(stamps: Iterable<string>): Map<string, number> {
  const vector = new Map<string, number>();
  for (const stamp of stamps) {
    const [dev, n] = split_stamp(stamp);
    if (n > (vector.get(dev) ?? 0)) vector.set(dev, n);
  }
  return vector;
}

/** Highest n of an incarnation judged into this record; 0 when none was. */
export const known_n = (record: FoldRecord, dev: string): number => record.vv.get(dev) ?? 0;

export function to_wire(record: FoldRecord): WireState {
  const stamps = new Set<string>();
  for (const live of record.reg.values()) for (const [stamp] of live) stamps.add(stamp);
  for (const counter of record.ctr.values()) {
    for (const [stamp] of counter.counts) stamps.add(stamp);
    for (const [stamp] of counter.deltas) stamps.add(stamp);
  }
  for (const live of record.sets.values()) for (const [stamp] of live) stamps.add(stamp);
  for (const entries of record.log.values()) for (const [stamp] of entries) stamps.add(stamp);
  for (const [stamp] of record.life) stamps.add(stamp);
  const table = [...stamps].sort(text_order);
  const index = new Map(table.map((stamp, i) => [stamp, i]));
  const in_table = <T extends readonly [string, ...unknown[]]>(entries: readonly T[]): T[] =>
    [...entries].sort((a, b) => index.get(a[0])! - index.get(b[0])!);
  const section = <T>(map: Map<string, T[]>, write: (entries: T[]) => any[]): Record<string, any[]> | null => {
    const out: Record<string, any[]> = {};
    for (const name of sorted_keys(map)) if (map.get(name)!.length > 0) out[name] = write(map.get(name)!);
    return Object.keys(out).length > 0 ? out : null;
  };
  const pairs = (entries: [string, any][]): any[] => {
    const out: any[] = [];
    for (const [stamp, value] of in_table(entries)) {
      out.push(index.get(stamp)!, value);
    }
    return out;
  };

  const wire: WireState = { id: record.id, kind: record.kind, scope: record.scope };
  if (table.length > 0) wire.ops = table.map((stamp) => [stamp, ...record.meta.get(stamp)!]);
  const implied = implied_vector(table);
  const vector = [...record.vv].filter(([dev, n]) => implied.get(dev) !== n).sort((a, b) => text_order(a[0], b[0]));
  if (vector.length > 0) wire.vv = Object.fromEntries(vector);
  const reg = section(record.reg, pairs);
  if (reg !== null) wire.reg = reg;
  if (record.ctr.size > 0) {
    wire.ctr = {};
    for (const name of sorted_keys(record.ctr)) {
      const counter = record.ctr.get(name)!;
      const parts: { c?: any[]; d?: any[]; seen?: Seen } = {};
      if (counter.counts.length > 0) parts.c = pairs(counter.counts);
      if (counter.deltas.length > 0) {
        parts.d = [];
        for (const [stamp, delta, base] of in_table(counter.deltas)) parts.d.push(index.get(stamp)!, delta, base);
      }
      if (Object.keys(counter.seen).length > 0) parts.seen = sorted_seen(counter.seen);
      wire.ctr[name] = parts;
    }
  }
  const sets = section(record.sets, pairs);
  if (sets !== null) wire.set = sets;
  const log = section(record.log, (entries) => {
    const out: any[] = [];
    for (const [stamp, value, gone] of in_table(entries)) {
      out.push(index.get(stamp)!, value, gone ? 1 : 0);
    }
    return out;
  });
  if (log !== null) wire.log = log;
  if (record.life.length > 0) {
    wire.life = [];
    for (const [stamp, value, seen] of in_table(record.life)) {
      wire.life.push(index.get(stamp)!, value, sorted_seen(seen));
    }
  }
  if (record.wait.length > 0) wire.wait = [...record.wait].sort(wait_order);
  if (record.void.size > 0) {
    wire.void = {};
    for (const name of sorted_keys(record.void)) wire.void[name] = [...record.void.get(name)!].sort(text_order);
  }
  return wire;
}

const wait_order = (a: Waiting, b: Waiting): number => text_order(a[0], b[0]) || text_order(a[3], b[3]);

export function from_wire(wire: WireState): FoldRecord {
  const record = new_record(wire.id, wire.kind);
  record.scope = wire.scope;
  const table = wire.ops ?? [];
  const stamps = table.map((entry) => entry[0]);
  for (const [stamp, user, at_c] of table) record.meta.set(stamp, [user, at_c]);
  record.vv = implied_vector(stamps);
  for (const [dev, n] of Object.entries(wire.vv ?? {})) record.vv.set(dev, n);
  const pairs = (flat: readonly any[]): [string, any][] => {
    const out: [string, any][] = [];
    for (let i = 0; i < flat.length; i += 2) out.push([stamps[flat[i]]!, flat[i + 1]]);
    return out;
  };
  for (const [name, flat] of Object.entries(wire.reg ?? {})) record.reg.set(name, pairs(flat));
  for (const [name, parts] of Object.entries(wire.ctr ?? {})) {
    const deltas: Counter["deltas"] = [];
    const flat = parts.d ?? [];
    for (let i = 0; i < flat.length; i += 3) deltas.push([stamps[flat[i]]!, flat[i + 1], [...flat[i + 2]]]);
    record.ctr.set(name, { counts: pairs(parts.c ?? []), seen: { ...parts.seen }, deltas });
  }
  for (const [name, flat] of Object.entries(wire.set ?? {})) record.sets.set(name, pairs(flat));
  for (const [name, flat] of Object.entries(wire.log ?? {})) {
    const entries: [string, any, boolean][] = [];
    for (let i = 0; i < flat.length; i += 3) entries.push([stamps[flat[i]]!, flat[i + 1], Boolean(flat[i + 2])]);
    record.log.set(name, entries);
  }
  const life = wire.life ?? [];
  for (let i = 0; i < life.length; i += 3) record.life.push([stamps[life[i]]!, life[i + 1], { ...life[i + 2] }]);
  record.wait = (wire.wait ?? []).map((entry) => [...entry]);
  for (const [name, list] of Object.entries(wire.void ?? {})) record.void.set(name, [...list]);
  return record;
}

/** Note that a quarantined op exists (P-20): its values are not folded, its waiting children are. */
export function absorb(record: FoldRecord, op: Op): void {
  note(record, op);
  retry(record);
  settle_scope(record);
}

/** Fold one op; at_c is its corrected time in ms. Mutates the record. */
export function fold_op(record: FoldRecord, op: Op, at_c: number): Outcome {
  if (op.n <= known_n(record, op.dev)) return { verdict: "duplicate", changed: [] };
  note(record, op);
  let parked = false;
  const changed: string[] = [];
  for (const [name, fop] of Object.entries(op.fields)) {
    if (is_known(record, name, fop)) {
      apply(record, op.stamp, op.user, at_c, name, fop);
      changed.push(name);
    } else {
      record.wait.push([op.stamp, op.user, at_c, name, fop]);
      parked = true;
    }
  }
  if (record.wait.length > 0) changed.push(...retry(record));
  settle_scope(record);
  return { verdict: parked ? "parked" : judge_change(record, op, changed), changed };
}

/** The record of a set of [op, at_c] of one record; `absorbed` names quarantined stamps. Any order across devices. */
export function fold_all(
  entries: Iterable<readonly [Op, number]>,
  absorbed: ReadonlySet<string> = new Set(),
): FoldRecord {
  const ordered = [...entries].sort((a, b) => a[0].n - b[0].n || text_order(a[0].dev, b[0].dev));
  const first = ordered[0]![0];
  const record = new_record(first.rec, first.kind);
  for (const [op, at_c] of ordered) {
    if (absorbed.has(op.stamp)) absorb(record, op);
    else fold_op(record, op, at_c);
  }
  return record;
}

/** Fold what waits under this stamp as a head with unknown base (P-10); gives the fields changed. */
export function release_parked(record: FoldRecord, stamp: string): string[] {
  const changed: string[] = [];
  for (const entry of record.wait.filter((one) => one[0] === stamp)) {
    record.wait = record.wait.filter((one) => one !== entry);
    const [, user, at_c, name, fop] = entry;
    // A parent that waits itself is missing too: when it is let go in its turn it must not become a head beside its child.
    const waiting = new Set(record.wait.filter((other) => other[3] === name).map((other) => other[0]));
    const missing = (fop.b ?? []).filter((parent) => !is_stamp_known(record, parent) || waiting.has(parent));
    if (missing.length > 0) {
      const held = record.void.get(name) ?? [];
      record.void.set(name, [...held, ...missing.filter((parent) => !held.includes(parent))]);
    }
    apply(record, stamp, user, at_c, name, fop);
    changed.push(name);
  }
  changed.push(...retry(record));
  settle_scope(record);
  return changed;
}

function note(record: FoldRecord, op: Op): void {
  if (op.n > known_n(record, op.dev)) record.vv.set(op.dev, op.n);
  if (!record.reg.has(SCOPE) && (record.scope === "" || op.scope < record.scope)) record.scope = op.scope;
}

function settle_scope(record: FoldRecord): void {
  const live = record.reg.get(SCOPE);
  if (live === undefined || live.length === 0) return;
  const later = (a: [string, any], b: [string, any]): [string, any] => {
    const by_time = record.meta.get(a[0])![1] - record.meta.get(b[0])![1];
    return (by_time || text_order(a[0], b[0])) >= 0 ? a : b;
  };
  record.scope = String(live.reduce(later)[1]);
}

function is_stamp_known(record: FoldRecord, stamp: string): boolean {
  const [dev, n] = split_stamp(stamp);
  return n <= known_n(record, dev);
}

function is_known(record: FoldRecord, name: string, fop: Fop): boolean {
  if (fop.k === "inc") return true;
  const parents = fop.b ?? [];
  if (parents.length === 0) return true;
  const live = record.reg.get(name);
  if (live !== undefined && parents.length === 1 && live.some(([stamp]) => stamp === parents[0])) return true;
  const unknown_base = record.void.get(name) ?? [];
  return parents.every(
    (parent) =>
      (is_stamp_known(record, parent) || unknown_base.includes(parent)) &&
      !record.wait.some((entry) => entry[3] === name && entry[0] === parent),
  );
}

function retry(record: FoldRecord): string[] {
  const changed: string[] = [];
  let progress = true;
  while (progress) {
    progress = false;
    for (const entry of [...record.wait].sort(wait_order)) {
      record.wait = record.wait.filter((one) => one !== entry);
      const [stamp, user, at_c, name, fop] = entry;
      if (is_known(record, name, fop)) {
        apply(record, stamp, user, at_c, name, fop);
        changed.push(name);
        progress = true;
      } else record.wait.push(entry);
    }
  }
  return changed;
}

function apply(record: FoldRecord, stamp: string, user: string, at_c: number, name: string, fop: Fop): void {
  const parents = fop.b ?? [];
  const superseded = record.void.get(name);
  if (superseded?.includes(stamp)) {
    const left = superseded.filter((one) => one !== stamp);
    if (left.length > 0) record.void.set(name, left);
    else record.void.delete(name);
    if (fop.k === "reg" || fop.k === "count" || fop.k === "life") {
      supersede_only(record, name, fop, parents);
      return;
    }
  }
  record.meta.set(stamp, [user, at_c]);
  switch (fop.k) {
    case "reg":
      record.reg.set(name, [...(record.reg.get(name) ?? []).filter(([one]) => !parents.includes(one)), [stamp, fop.v]]);
      break;
    case "inc": {
      const counter = counter_of(record, name);
      const [dev, n] = split_stamp(stamp);
      if (n > (counter.seen[dev] ?? 0)) counter.deltas.push([stamp, fop.v as number, [...parents].sort(text_order)]);
      break;
    }
    case "count": {
      const counter = counter_of(record, name);
      counter.counts = [...counter.counts.filter(([one]) => !parents.includes(one)), [stamp, fop.v as number]];
      cover(counter, fop.seen ?? {});
      break;
    }
    case "add":
      record.sets.set(name, [...(record.sets.get(name) ?? []), [stamp, fop.v]]);
      break;
    case "rem":
      record.sets.set(name, without(record.sets.get(name), parents));
      break;
    case "log":
      record.log.set(name, [...(record.log.get(name) ?? []), [stamp, fop.v, false]]);
      break;
    case "retract":
      record.log.set(
        name,
        (record.log.get(name) ?? []).map(([one, value, gone]) => [one, value, gone || parents.includes(one)]),
      );
      break;
    case "life":
      record.life = [
        ...record.life.filter(([one]) => !parents.includes(one)),
        [stamp, fop.v as string, fop.seen ?? {}],
      ];
      break;
  }
}

const without = <T>(entries: readonly [string, T][] | undefined, parents: readonly string[]): [string, T][] =>
  (entries ?? []).filter(([one]) => !parents.includes(one));

function counter_of(record: FoldRecord, name: string): Counter {
  let counter = record.ctr.get(name);
  if (counter === undefined) {
    counter = { counts: [], seen: {}, deltas: [] };
    record.ctr.set(name, counter);
  }
  return counter;
}

/** A late parent that a released child already replaced: it still replaces its own parents, but is no head. */
function supersede_only(record: FoldRecord, name: string, fop: Fop, parents: readonly string[]): void {
  if (fop.k === "reg") {
    record.reg.set(name, without(record.reg.get(name), parents));
  } else if (fop.k === "count") {
    const counter = counter_of(record, name);
    counter.counts = counter.counts.filter(([one]) => !parents.includes(one));
    cover(counter, fop.seen ?? {});
  } else record.life = record.life.filter(([one]) => !parents.includes(one));
}

/** Forget the movements a stocktake included; the union over all stocktakes keeps this order-free. */
function cover(counter: Counter, seen: Seen): void {
  for (const [dev, n] of Object.entries(seen)) if (n > (counter.seen[dev] ?? 0)) counter.seen[dev] = n;
  counter.deltas = counter.deltas.filter(([stamp]) => {
    const [dev, n] = split_stamp(stamp);
    return n > (counter.seen[dev] ?? 0);
  });
}

function judge_change(record: FoldRecord, op: Op, changed: readonly string[]): FoldVerdict {
  const many = changed.some((name) => (record.reg.get(name)?.length ?? 0) > 1);
  if (record.life.length > 0 || record.ctr.size > 0 || many) {
    const disputed = new Set(disputes(record));
    if (disputed.has("life") || Object.keys(op.fields).some((name) => disputed.has(name))) return "conflict";
    for (const name of Object.keys(op.fields)) {
      const live = record.reg.get(name) ?? [];
      if (live.length > 1 && !differ(live.map(([, value]) => value))) return "absorbed";
    }
  }
  return "applied";
}
