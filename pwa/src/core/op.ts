/**
 * One field operation: the strict reading of an op line. Mirrors sync/op.py.
 * Owns the shape of an op. Unknown kinds and field names are welcome (they fold by their verb, P-41); only lines that
 * cannot be read at all raise OpError. The writing of a line is in store/compose.ts, where its bytes are made once.
 */
import { OpError } from "./errors";
import {
  DEPTH_MAX,
  FIELDS_PER_OP_MAX,
  GROUP_SIZE_MAX,
  INT_MAX,
  NAME_CHARS_MAX,
  PARENTS_PER_FIELD_MAX,
  TEXT_CHARS_MAX,
} from "./limits";
import { is_stamp, make_stamp } from "./stamp";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Seen = Record<string, number>;
export type VerbName = "reg" | "inc" | "count" | "add" | "rem" | "log" | "retract" | "life";

/** One field operation, as on the wire. */
export interface Fop {
  k: VerbName;
  v?: any;
  b?: string[];
  p?: any;
  seen?: Seen;
}

/** A record state on the wire (contract §3). */
export interface WireState {
  seq?: number;
  id: string;
  kind: string;
  scope: string;
  ops?: [stamp: string, user: string, at_c: number][];
  vv?: Seen;
  reg?: Record<string, any[]>;
  ctr?: Record<string, { c?: any[]; d?: any[]; seen?: Seen }>;
  set?: Record<string, any[]>;
  log?: Record<string, any[]>;
  life?: any[];
  wait?: [stamp: string, user: string, at_c: number, field: string, fop: Fop][];
  void?: Record<string, string[]>;
  erased?: { at: number; ops: string[] };
}

/** A parsed op. `at_ms` is the device's wall clock in ms since 1970 UTC, `skew` device minus server seconds. */
export interface Op {
  readonly stamp: string;
  readonly dev: string;
  readonly n: number;
  readonly h: string;
  readonly rec: string;
  readonly kind: string;
  readonly scope: string;
  readonly fields: Readonly<Record<string, Fop>>;
  readonly at_ms: number;
  readonly skew: number;
  readonly user: string;
  readonly grant: string | null;
  readonly group: readonly [string, number, number] | null;
  readonly schema: number;
}

const FIELD_NAME = /^[a-z][a-z0-9_]{0,39}(\.[A-Za-z0-9_-]{1,39})?$/;
const DEV = /^[a-z2-7]{16}$/;
const NAME = /^[A-Za-z0-9_:.-]{1,80}$/;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const AT = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})$/;
const NEEDS_VALUE = new Set(["reg", "inc", "count", "add", "log", "life"]);
const NEEDS_PARENTS = new Set(["reg", "count", "rem", "retract", "life"]);

const is_object = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** An integer both languages can hold (P-05). */
export function is_int(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && Math.abs(value) <= INT_MAX;
}

/** Throws OpError unless the value can live on every node: no fractions, no NUL, no lone surrogates, bounded. */
export function check_value(value: unknown, depth = 0): void {
  if (typeof value === "string") check_text(value);
  else if (typeof value === "number") {
    if (!is_int(value)) throw new OpError("bad_number");
  } else if (value === null || typeof value === "boolean") return;
  else if (depth >= DEPTH_MAX) throw new OpError("too_large");
  else if (Array.isArray(value)) for (const item of value) check_value(item, depth + 1);
  else if (is_object(value)) {
    for (const [key, item] of Object.entries(value)) {
      check_text(key);
      check_value(item, depth + 1);
    }
  } else throw new OpError("bad_number");
}

/** Lengths count code points, as Python does. */
function check_text(text: string): void {
  if (text.length > TEXT_CHARS_MAX && [...text].length > TEXT_CHARS_MAX) throw new OpError("too_large");
  if (text.includes("\u0000") || LONE_SURROGATE.test(text)) throw new OpError("bad_text");
}

function check_vector(seen: unknown): void {
  if (!is_object(seen)) throw new OpError("bad_field", "seen");
  for (const [dev, n] of Object.entries(seen)) {
    if (!DEV.test(dev)) throw new OpError("bad_field", "seen");
    if (!is_int(n) || n < 0) throw new OpError("bad_number", "seen");
  }
}

function check_fop(name: string, fop: unknown): void {
  if (!FIELD_NAME.test(name) || !is_object(fop)) throw new OpError("bad_field", name.slice(0, NAME_CHARS_MAX));
  const verb = fop.k;
  if (typeof verb !== "string" || !(NEEDS_VALUE.has(verb) || NEEDS_PARENTS.has(verb)))
    throw new OpError("bad_field", name);
  if (NEEDS_VALUE.has(verb)) {
    if (!("v" in fop)) throw new OpError("bad_field", name);
    check_value(fop.v);
  }
  const parents = fop.b;
  if (parents === undefined || parents === null) {
    if (NEEDS_PARENTS.has(verb)) throw new OpError("bad_field", name);
  } else if (!Array.isArray(parents) || parents.length > PARENTS_PER_FIELD_MAX || !parents.every(is_stamp)) {
    throw new OpError("bad_field", name);
  }
  if (verb === "inc" || verb === "count") {
    if (!is_int(fop.v)) throw new OpError("bad_number", name);
  } else if (verb === "life" && ((fop.v !== "alive" && fop.v !== "deleted") || name !== "life")) {
    throw new OpError("bad_field", name);
  }
  if (verb === "count" || verb === "life") check_vector(fop.seen);
}

function parse_group(group: unknown): readonly [string, number, number] | null {
  if (group === null || group === undefined) return null;
  if (!Array.isArray(group) || group.length !== 3) throw new OpError("bad_group");
  const [gid, index, size] = group as [unknown, unknown, unknown];
  if (typeof gid !== "string" || !NAME.test(gid) || !is_int(index) || !is_int(size)) throw new OpError("bad_group");
  if (!(index >= 0 && index < size && size <= GROUP_SIZE_MAX)) throw new OpError("bad_group");
  return [gid, index, size];
}

function parse_at(at: unknown): number {
  if (typeof at !== "string" || !AT.test(at)) throw new OpError("bad_time", "at");
  const ms = Date.parse(at);
  if (!Number.isFinite(ms)) throw new OpError("bad_time", "at");
  return ms;
}

const is_name = (value: unknown): value is string => typeof value === "string" && NAME.test(value);

/** Read a decoded op line. Throws OpError with a stable code; nothing else. */
export function parse_op(obj: unknown, dev: string, n: number, h: string): Op {
  if (!is_object(obj)) throw new OpError("bad_json");
  const { rec, kind, scope, user, f: fields } = obj;
  if (!is_name(rec)) throw new OpError("bad_op", "rec");
  if (!is_name(kind)) throw new OpError("bad_op", "kind");
  if (!is_name(scope)) throw new OpError("bad_op", "scope");
  if (!is_name(user)) throw new OpError("bad_op", "user");
  if (obj.n !== n) throw new OpError("bad_op", "n");
  if (!is_object(fields) || Object.keys(fields).length === 0) throw new OpError("bad_op", "f");
  if (Object.keys(fields).length > FIELDS_PER_OP_MAX) throw new OpError("too_large", "f");
  for (const [name, fop] of Object.entries(fields)) check_fop(name, fop);
  const { skew = 0, grant = null, schema = 1 } = obj;
  if (!is_int(skew) || !is_int(schema)) throw new OpError("bad_number", "skew");
  if (grant !== null && !is_name(grant)) throw new OpError("bad_op", "grant");
  return {
    stamp: make_stamp(dev, n, h),
    dev,
    n,
    h,
    rec,
    kind,
    scope,
    fields: fields as unknown as Record<string, Fop>,
    at_ms: parse_at(obj.at),
    skew,
    user,
    grant,
    group: parse_group(obj.group),
    schema,
  };
}
