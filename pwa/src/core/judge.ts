/**
 * Whether an op will be folded or kept aside for a person. Mirrors sync/judge.py.
 * Pure. On the device this is a forecast shown before saving; the server's judgement counts. Being from another version,
 * naming an unknown kind, field or choice is never a reason (P-41). Looks at the op alone, never at the record.
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

const FORMS: Readonly<Record<string, RegExp>> = {
  date: /^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$/,
  decimal2: /^-?[0-9]{1,15}(\.[0-9]{1,2})?$/,
};
/** A newer version may allow longer texts; only what no form can have made is set aside. */
const LENGTH_SLACK = 4;
const POINT_MAX = { lat_e7: 900_000_000, lon_e7: 1_800_000_000 };

export interface UserRights {
  roles: readonly string[];
  scopes: readonly string[];
  all_scopes?: boolean;
  /** Of a scope where not all of his roles count: who heads one station is no head at another. */
  roles_at?: Readonly<Record<string, readonly string[]>>;
}

/** The roles that count for an op: both where the record is and where the op moves it. */
function roles_for(user: UserRights, op: Op): readonly string[] {
  const at = (scope: unknown): readonly string[] =>
    typeof scope === "string" && user.roles_at !== undefined && Object.hasOwn(user.roles_at, scope)
      ? user.roles_at[scope]!
      : user.roles;
  return at(op.scope).filter((role) => at(op.fields.scope?.v ?? op.scope).includes(role));
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
  const roles = roles_for(user, op);
  if (kind.write_roles.length > 0 && !roles.some((role) => kind.write_roles.includes(role))) return "role_not_allowed";
  for (const [name, fop] of Object.entries(op.fields)) {
    const field = field_of(kind, name);
    if (field === undefined) continue;
    if (!fits(field, fop)) return "bad_value";
    if (fop.k === "reg" && !may_set(field, fop.v, roles)) return "role_not_allowed";
  }
  return null;
}

/** Whether somebody with these roles may give the field this value. */
export function may_set(field: Field, value: unknown, roles: readonly string[]): boolean {
  const needed = typeof value === "string" && Object.hasOwn(field.reserved, value) ? field.reserved[value] : undefined;
  return needed === undefined || roles.some((role) => needed.includes(role));
}

function fits(field: Field, fop: Fop): boolean {
  if (!VERBS_OF_MERGE[field.merge]!.includes(fop.k)) return false;
  if (fop.k !== "reg" || fop.v === null || fop.v === undefined || field.merge === "map") return true;
  const wanted = JS_TYPE[field.type];
  if (wanted === undefined) return true;
  return (Array.isArray(fop.v) ? "array" : typeof fop.v) === wanted && means_something(field, fop.v);
}

/** Whether a value of the right type can be meant by any version: a place on Earth, a day of a calendar, not a flood of text. */
function means_something(field: Field, value: any): boolean {
  if (field.type === "text" || field.type === "note")
    return field.limit === null || [...value].length <= field.limit * LENGTH_SLACK;
  if (field.type === "point")
    return Object.entries(POINT_MAX).every(
      ([name, most]) => Object.hasOwn(value, name) && Number.isInteger(value[name]) && Math.abs(value[name]) <= most,
    );
  const form = FORMS[field.type];
  return form === undefined || form.test(value);
}

/** Device time minus its skew (s), clamped to (previous at_c of the device, rx_at]. Display only, never order. */
export function corrected_time(at_ms: number, skew: number, prev_at_c: number, rx_at_ms: number): number {
  return Math.min(Math.max(at_ms - skew * 1000, prev_at_c + 1), rx_at_ms);
}
