/**
 * From a folded record to what a screen shows.
 * Owns the shape of `Rec` only; delivery and files are filled in by the engine. Must not fold or decide merges.
 */
import { field_of, type Kind } from "../core/fields";
import { counter_state, disputes, log_entries, op_times, set_values, shown_value } from "../core/merge_kinds";
import type { WireState } from "../core/op";
import { type FoldRecord, to_wire } from "../core/record";
import type { Rec } from "../engine_types";

/** An answer of an inspection is stored as `ans.<item>` and shown as `v.ans[item]` and `v["ans.<item>"]`. */
function nest(v: Record<string, any>, name: string, value: unknown): void {
  v[name] = value;
  const dot = name.indexOf(".");
  if (dot < 0) return;
  const parent = name.slice(0, dot);
  if (typeof v[parent] !== "object" || v[parent] === null) v[parent] = {};
  v[parent][name.slice(dot + 1)] = value;
}

export function show(record: FoldRecord, kind: Kind | undefined): Rec {
  let wire: WireState | undefined;
  const v: Record<string, any> = {};
  const counters: Rec["counters"] = {};
  const sets: Rec["sets"] = {};
  const logs: Rec["logs"] = {};
  for (const [name, live] of record.reg)
    if (live.length > 0) nest(v, name, shown_value(record, name, field_of(kind, name)));
  for (const name of record.ctr.keys()) {
    const counter = counter_state(record, name);
    counters[name] = counter;
    v[name] = counter.value;
  }
  for (const [name, live] of record.sets) {
    if (live.length === 0) continue;
    const values = set_values(record, name);
    sets[name] = values;
    v[name] = values;
  }
  for (const [name, entries] of record.log) if (entries.length > 0) logs[name] = log_entries(record, name);
  for (const field of Object.values(kind?.fields ?? {})) {
    if (["set", "file", "track"].includes(field.merge)) {
      sets[field.name] ??= [];
      v[field.name] ??= [];
    } else if (field.merge === "append") logs[field.name] ??= [];
    else if (field.merge === "counter" && counters[field.name] === undefined) {
      counters[field.name] = { value: 0, disputed: false, recount_advised: false, negative: false };
      v[field.name] = 0;
    }
  }
  const times = op_times(record);
  return {
    id: record.id,
    kind: record.kind,
    scope: record.scope,
    v,
    disputed: disputes(record),
    counters,
    sets,
    logs,
    // Asked for by few, and written anew it costs as much as everything else here.
    get state() {
      wire ??= to_wire(record);
      return wire;
    },
    created_at: id_time(record.id) ?? times.first,
    updated_at: times.last,
    delivery: "delivered",
    files: { total: 0, delivered: 0 },
  };
}

/** Milliseconds inside a UUIDv7, or null for other ids. */
function id_time(id: string): number | null {
  if (id.length !== 36 || id[14] !== "7") return null;
  const ms = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
  return Number.isFinite(ms) ? ms : null;
}
