/**
 * A record in memory and its canonical wire state. Mirrors sync/record.py.
 * Owns FoldRecord and the step to the wire and back. Decides nothing: fold.ts does. Invariant: equal records give equal states on
 * every node, whatever the order their ops came in.
 */
import type { Fop, Seen, WireState } from "./op";
import { split_stamp } from "./stamp";

/** `counts`: live stocktakes. `seen`: what any stocktake ever included. `deltas`: the rest. */
export interface Counter {
  counts: [stamp: string, value: number][];
  seen: Seen;
  deltas: [stamp: string, delta: number, base: string[]][];
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
  /** Once the record was erased: when, and of which ops the text is gone; then nothing else of it is kept (P-43). */
  erased: { at: number; ops: string[] } | null;
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
    erased: null,
  };
}

export const text_order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
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
  if (record.erased !== null) wire.erased = { at: record.erased.at, ops: [...record.erased.ops].sort(text_order) };
  return wire;
}

export const wait_order = (a: Waiting, b: Waiting): number => text_order(a[0], b[0]) || text_order(a[3], b[3]);

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
  if (wire.erased !== undefined) record.erased = { at: wire.erased.at, ops: [...wire.erased.ops] };
  return record;
}
