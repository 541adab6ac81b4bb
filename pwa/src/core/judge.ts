/**
 * Whether an op will be folded or kept aside for a person. Mirrors sync/judge.py.
 * Pure. On the device this is a forecast shown before saving; the server's judgement counts. Being from another version,
 * naming an unknown kind, field or choice is never a reason (P-41).
 */
import { type Field, field_of, type Kinds } from "./fields";
import type { Fop, Op } from "./op";

const VERBS_OF_MERGE: Readonly<Record<string, readonly string[]>> = {
  register: ["reg"],
  cautious: ["reg"],
  map: ["reg"],
  counter: ["inc", "count"],
  set: ["add", "rem"],
  file: ["add", "rem"],
  track: ["add", "rem"],
  append: ["log", "retract"],
  life: ["life"],
};

const JS_TYPE: Readonly<Record<string, string>> = {
  text: "string",
  note: "string",
  int: "number",
  decimal2: "string",
  bool: "boolean",
  choice: "string",
  choices: "array",
  time: "string",
  date: "string",
  ref: "string",
  user: "string",
  point: "object",
  geometry: "object",
  file: "object",
  chunk: "object",
};

export interface UserRights {
  roles: readonly string[];
  scopes: readonly string[];
  all_scopes?: boolean;
}

export interface Rights {
  users: Readonly<Record<string, UserRights>>;
}

export type Why = "unknown_user" | "scope_revoked" | "role_not_allowed" | "bad_value";

/** null when the op is folded, else the reason it waits for a person. */
export function judge_op(op: Op, rights: Rights, kinds: Kinds): Why | null {
  const user = Object.hasOwn(rights.users, op.user) ? rights.users[op.user] : undefined;
  if (user === undefined) return "unknown_user";
  if (user.all_scopes !== true) {
    if (!user.scopes.includes(op.scope)) return "scope_revoked";
    const moved = op.fields.scope;
    if (moved !== undefined && !user.scopes.includes(moved.v as string)) return "scope_revoked";
  }
  const kind = Object.hasOwn(kinds, op.kind) ? kinds[op.kind] : undefined;
  if (kind === undefined) return null;
  if (kind.write_roles.length > 0 && !user.roles.some((role) => kind.write_roles.includes(role)))
    return "role_not_allowed";
  for (const [name, fop] of Object.entries(op.fields)) {
    const field = field_of(kind, name);
    if (field !== undefined && !fits(field, fop)) return "bad_value";
  }
  return null;
}

function fits(field: Field, fop: Fop): boolean {
  if (!VERBS_OF_MERGE[field.merge]!.includes(fop.k)) return false;
  if (fop.k !== "reg" || fop.v === null || fop.v === undefined || field.merge === "map") return true;
  const wanted = JS_TYPE[field.type];
  if (wanted === undefined) return true;
  return (Array.isArray(fop.v) ? "array" : typeof fop.v) === wanted;
}

/** Device time minus its skew (s), clamped to (previous at_c of the device, rx_at]. Display only, never order. */
export function corrected_time(at_ms: number, skew: number, prev_at_c: number, rx_at_ms: number): number {
  return Math.min(Math.max(at_ms - skew * 1000, prev_at_c + 1), rx_at_ms);
}
