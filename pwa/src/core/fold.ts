/**
 * The fold: a record as a pure, order-free function of the set of its ops. Mirrors sync/fold.py step by step.
 * Owns `fold_op`. No I/O, no clock. Invariants:
 * 1 heads of a register = its ops minus every op another op names as parent; the verb drives the fold, so kinds and
 *   fields this version has never heard of fold like any other (P-41);
 * 2 a parent is known exactly when n ≤ vv[dev] and it is not itself waiting; otherwise only that field waits (P-10);
 * 3 folding an op twice changes nothing (n ≤ vv); equal op sets give equal states on every node;
 * 4 of an op on an erased record nothing is folded but that it exists (P-43).
 */
import { differ, disputes } from "./merge_kinds";
import type { Fop, Op, Seen } from "./op";
import { type Counter, type FoldRecord, known_n, new_record, text_order, type Waiting, wait_order } from "./record";
import { split_stamp } from "./stamp";

const SCOPE = "scope";

export type FoldVerdict = "applied" | "absorbed" | "conflict" | "parked" | "duplicate";

export interface Outcome {
  verdict: FoldVerdict;
  changed: string[];
}

/** Note that a quarantined op exists (P-20): its values and its scope are not folded, its waiting children are. */
export function absorb(record: FoldRecord, op: Op): void {
  const before = known_n(record, op.dev);
  note(record, op);
  if (record.erased !== null) return;
  strike_found(record, op.stamp, {});
  if (retry(record, awaiting(record, op, before)).length > 0) settle_scope(record);
}

/** Fold one op; at_c is its corrected time in ms. Mutates the record. */
export function fold_op(record: FoldRecord, op: Op, at_c: number): Outcome {
  const before = known_n(record, op.dev);
  if (op.n <= before) return { verdict: "duplicate", changed: [] };
  note(record, op);
  if (record.erased !== null) return { verdict: "absorbed", changed: [] };
  if (!record.reg.has(SCOPE) && (record.scope === "" || op.scope < record.scope)) record.scope = op.scope;
  strike_found(record, op.stamp, op.fields);
  let parked = false;
  const changed: string[] = [];
  const waiting = new Set(record.wait.map(wait_key));
  for (const [name, fop] of Object.entries(op.fields)) {
    if (is_known(record, name, fop, waiting)) {
      apply(record, op.stamp, op.user, at_c, name, fop);
      changed.push(name);
    } else {
      record.wait.push([op.stamp, op.user, at_c, name, fop]);
      parked = true;
    }
  }
  if (record.wait.length > 0) changed.push(...retry(record, awaiting(record, op, before)));
  settle_scope(record);
  return { verdict: parked ? "parked" : judge_change(record, op, changed), changed };
}

/** The record of a set of [op, at_c] of one record; `absorbed` names quarantined stamps. Any order across devices. */
export function fold_all(
  entries: Iterable<readonly [Op, number]>,
  absorbed: ReadonlySet<string> = new Set(),
): FoldRecord {
  const ordered = [...entries].sort((a, b) => a[0].n - b[0].n || text_order(a[0].dev, b[0].dev));
  // What is kept aside does not say what a record is, as long as anything else does.
  const made = ordered.find(([op]) => !absorbed.has(op.stamp));
  const record = new_record(ordered[0]![0].rec, (made ?? ordered[0]!)[0].kind);
  for (const [op, at_c] of ordered) {
    if (absorbed.has(op.stamp)) absorb(record, op);
    else fold_op(record, op, at_c);
    if (made === undefined) file_bare(record, op);
  }
  return record;
}

/** Where a record belongs of which everything is kept aside so far; the first op that is folded says it anew. */
function file_bare(record: FoldRecord, op: Op): void {
  if (op.kind < record.kind) record.kind = op.kind;
  if (record.scope === "" || op.scope < record.scope) record.scope = op.scope;
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
  changed.push(...retry(record, record.wait));
  settle_scope(record);
  return changed;
}

function note(record: FoldRecord, op: Op): void {
  if (op.n > known_n(record, op.dev)) record.vv.set(op.dev, op.n);
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

const wait_key = (entry: Waiting): string => `${entry[0]} ${entry[3]}`;

/** What waits for a parent this op made known: nothing else can be let go by it. */
function awaiting(record: FoldRecord, op: Op, before: number): Waiting[] {
  return record.wait.filter((entry) =>
    (entry[4].b ?? []).some((parent) => {
      if (!parent.startsWith(op.dev)) return false;
      const [, n] = split_stamp(parent);
      return before < n && n <= op.n;
    }),
  );
}

/** Whether every parent is. `waiting`: keys of what waits itself. */
function is_known(
  record: FoldRecord,
  name: string,
  fop: Fop,
  waiting: ReadonlySet<string> | ReadonlyMap<string, unknown>,
): boolean {
  if (fop.k === "inc") return true;
  const parents = fop.b ?? [];
  if (parents.length === 0) return true;
  const live = record.reg.get(name);
  if (live !== undefined && parents.length === 1 && live.some(([stamp]) => stamp === parents[0])) return true;
  const unknown_base = record.void.get(name) ?? [];
  return parents.every(
    (parent) => (is_stamp_known(record, parent) || unknown_base.includes(parent)) && !waiting.has(`${parent} ${name}`),
  );
}

/**
 * Let go what waits no more, beginning with the entries of `first`. An entry is looked at again only when a parent of it
 * was let go: whatever a device sends, the work stays proportional to what waits.
 */
function retry(record: FoldRecord, first: readonly Waiting[]): string[] {
  if (first.length === 0) return [];
  const queue = [...first].sort(wait_order);
  const waiting = new Map(record.wait.map((entry) => [wait_key(entry), entry]));
  const heirs = new Map<string, Waiting[]>();
  for (const entry of record.wait) {
    for (const parent of entry[4].b ?? []) {
      const key = `${parent} ${entry[3]}`;
      const known = heirs.get(key);
      if (known === undefined) heirs.set(key, [entry]);
      else known.push(entry);
    }
  }
  const changed: string[] = [];
  for (let i = 0; i < queue.length; i += 1) {
    const entry = queue[i]!;
    const key = wait_key(entry);
    if (!waiting.delete(key)) continue;
    const [stamp, user, at_c, name, fop] = entry;
    if (is_known(record, name, fop, waiting)) {
      apply(record, stamp, user, at_c, name, fop);
      changed.push(name);
      queue.push(...(heirs.get(key) ?? []));
    } else waiting.set(key, entry);
  }
  record.wait = [...waiting.values()];
  return changed;
}

/** An op was missed as a parent and writes nothing to these fields: it will never become a head there. */
function strike_found(record: FoldRecord, stamp: string, except_for: object): void {
  for (const [name, missing] of [...record.void]) {
    if (missing.includes(stamp) && !Object.hasOwn(except_for, name)) strike(record, name, stamp);
  }
}

/** A parent that was missed when its child was let go is known now. */
function strike(record: FoldRecord, name: string, stamp: string): void {
  const left = (record.void.get(name) ?? []).filter((one) => one !== stamp);
  if (left.length > 0) record.void.set(name, left);
  else record.void.delete(name);
}

function apply(record: FoldRecord, stamp: string, user: string, at_c: number, name: string, fop: Fop): void {
  const parents = fop.b ?? [];
  if (record.void.get(name)?.includes(stamp)) {
    strike(record, name, stamp);
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
