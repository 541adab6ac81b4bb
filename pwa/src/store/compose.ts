/**
 * The desk's pen: a form's draft becomes op objects and their exact bytes.
 * Owns parents (b), evidence (p), seen vectors, verbs by merge kind, group numbering. Pure: time and tail are arguments.
 * Must not save anything. Invariants: bytes are made once, here, and never written anew; a plain edit names every head
 * that was shown as that value, in a dispute only the head that was shown; a resolve names all heads (M-reg).
 */
import { type Field, field_of, type Kind, type Kinds } from "../core/fields";
import { fold_op } from "../core/fold";
import { BATCH_BYTES_MAX, GROUP_SIZE_MAX, LINE_BYTES_MAX } from "../core/limits";
import { canonical, heads, same_value, shown_head } from "../core/merge_kinds";
import { type Fop, type Op, parse_op } from "../core/op";
import { type FoldRecord, new_record } from "../core/record";
import { chain, utf8 } from "../core/stamp";
import { is_verb, type Verb } from "../desk";
import type { Draft } from "../engine_types";

const PREVIOUS_BYTES_MAX = 256;

export interface ComposeContext {
  kinds: Kinds;
  tail: { dev: string; n: number; h: string };
  now_ms: number;
  at: string;
  mono: number;
  skew: number;
  user: string;
  grant: string | null;
  schema: number;
  app: string;
  group_id: string;
  new_id(): string;
  /** A private copy of the folded record, or undefined when unknown here. */
  folded(id: string): FoldRecord | undefined;
  /** Stamps of own edits of a field that the server keeps aside: they are in no state, but their author wrote them. */
  kept_aside(id: string, field: string): readonly string[];
  default_scope(kind: Kind | undefined): string;
}

export interface Composed {
  op: Op;
  line: Uint8Array;
}

/** A draft that cannot become an op; `code` is stable and shown to people. */
export class DraftError extends Error {
  readonly code: "empty" | "too_large" | "no_scope" | "bad_verb" | "group_too_large";
  readonly field: string | null;
  constructor(code: DraftError["code"], field: string | null = null) {
    super(field === null ? code : `${code}: ${field}`);
    this.name = "DraftError";
    this.code = code;
    this.field = field;
  }
}

export function compose(drafts: readonly Draft[], context: ComposeContext): Composed[] {
  if (drafts.length > GROUP_SIZE_MAX) throw new DraftError("group_too_large");
  const working = new Map<string, FoldRecord>();
  const out: Composed[] = [];
  let { n, h } = context.tail;
  let total = 0;
  drafts.forEach((draft, index) => {
    n += 1;
    const op_object = compose_one(draft, index, drafts.length, n, working, context);
    const line = utf8(JSON.stringify(op_object));
    if (line.length > LINE_BYTES_MAX) throw new DraftError("too_large");
    total += line.length;
    h = chain(h, line);
    const op = parse_op(op_object, context.tail.dev, n, h);
    fold_op(working.get(op.rec)!, op, context.now_ms);
    out.push({ op, line });
  });
  if (total > BATCH_BYTES_MAX / 2) throw new DraftError("too_large");
  return out;
}

function compose_one(
  draft: Draft,
  index: number,
  size: number,
  n: number,
  working: Map<string, FoldRecord>,
  context: ComposeContext,
): Record<string, unknown> {
  const kind = Object.hasOwn(context.kinds, draft.kind) ? context.kinds[draft.kind] : undefined;
  const rec = draft.rec ?? context.new_id();
  const known = working.get(rec) ?? context.folded(rec);
  const record = known ?? new_record(rec, draft.kind);
  working.set(rec, record);
  // The centre edits records it does not hold, by naming the heads its author saw: that is no creation.
  const elsewhere = known === undefined && Object.values(draft.f).some(names_parents);
  const is_new = !elsewhere && (known === undefined || (record.reg.get("scope")?.length ?? 0) === 0);
  const scope = draft.scope ?? (record.scope !== "" ? record.scope : context.default_scope(kind));
  if (scope === "") throw new DraftError("no_scope");
  const fields: Record<string, Fop> = {};
  if (is_new) fields.scope = { k: "reg", v: scope, b: [] };
  else if (!elsewhere && draft.scope !== undefined && draft.scope !== record.scope)
    fields.scope = register(record, "scope", draft.scope, context);
  for (const [name, input] of Object.entries(draft.f)) {
    const fop = to_fop(record, name, input, context, field_of(kind, name));
    if (fop !== null) fields[name] = fop;
  }
  if (Object.keys(fields).length === 0) throw new DraftError("empty");
  return {
    n,
    rec,
    kind: draft.kind,
    scope: is_new || elsewhere ? scope : record.scope,
    f: fields,
    at: context.at,
    mono: context.mono,
    skew: context.skew,
    user: context.user,
    ...(context.grant === null ? {} : { grant: context.grant }),
    schema: context.schema,
    app: context.app,
    ...(size > 1 ? { group: [context.group_id, index, size] } : {}),
  };
}

/** A field operation written out in full by its author (contract of the centre screens): taken as it is. */
function names_parents(input: unknown): boolean {
  const raw = input as { k?: unknown; b?: unknown };
  if (typeof input !== "object" || input === null || is_verb(input)) return false;
  return (raw.k === "reg" || raw.k === "count" || raw.k === "life") && Array.isArray(raw.b) && raw.b.length > 0;
}

/** null: nothing to write (an edit to the value already shown, undisputed). */
function to_fop(
  record: FoldRecord,
  name: string,
  input: unknown,
  context: ComposeContext,
  field: Field | undefined,
): Fop | null {
  if (input === undefined) return null;
  if (names_parents(input)) return clean(input) as Fop;
  const verb = is_verb(input) ? input : plain_verb(input, name, field);
  switch (verb.k) {
    case "reg": {
      const shown = shown_head(record, name, field);
      const live = heads(record, name);
      const value = clean(verb.v);
      const settled = shown !== undefined && live.every((head) => same_value(head.value, value));
      if (settled && live.length === 1 && verb.all_heads !== true) return null;
      return register(record, name, value, context, field, verb.all_heads === true);
    }
    case "inc":
      return { k: "inc", v: verb.v, b: (record.ctr.get(name)?.counts ?? []).map(([stamp]) => stamp) };
    case "count":
      return {
        k: "count",
        v: verb.v,
        b: (record.ctr.get(name)?.counts ?? []).map(([stamp]) => stamp),
        seen: Object.fromEntries(record.vv),
      };
    case "add":
      return { k: "add", v: clean(verb.v) };
    case "rem": {
      const key = canonical(clean(verb.v));
      const stamps = (record.sets.get(name) ?? [])
        .filter(([, value]) => canonical(value) === key)
        .map(([stamp]) => stamp);
      return stamps.length === 0 ? null : { k: "rem", b: stamps };
    }
    case "log":
      return { k: "log", v: clean(verb.v) };
    case "retract":
      return { k: "retract", b: [...(verb.stamps ?? [])] };
    case "life":
      return { k: "life", v: verb.v, b: record.life.map(([stamp]) => stamp), seen: Object.fromEntries(record.vv) };
  }
}

function register(
  record: FoldRecord,
  name: string,
  value: unknown,
  context: ComposeContext,
  field?: Field,
  all_heads = false,
): Fop {
  const live = heads(record, name);
  const shown = shown_head(record, name, field);
  const is_own = (stamp: string) => stamp.startsWith(`${context.tail.dev}:`);
  const parents =
    all_heads || shown === undefined
      ? live
      : live.filter(
          (head) => is_own(head.stamp) || (same_value(head.value, shown.value) && is_one_value(live, head, shown)),
        );
  // What this device wrote and what waits for a parent or for a person must not come back beside its newer edit (property 6).
  const waiting = record.wait.filter(([stamp, , , field_name]) => field_name === name && is_own(stamp));
  const aside = context.kept_aside(record.id, name);
  const seen = new Set([...parents.map((head) => head.stamp), ...waiting.map(([stamp]) => stamp), ...aside]);
  const fop: Fop = { k: "reg", v: value, b: [...seen] };
  if (shown !== undefined && JSON.stringify(shown.value).length <= PREVIOUS_BYTES_MAX) fop.p = shown.value;
  return fop;
}

/** Undisputed equal heads go together; in a dispute only the very head that was shown. */
function is_one_value(
  live: ReturnType<typeof heads>,
  head: { stamp: string },
  shown: { stamp: string; value: unknown },
): boolean {
  return live.every((other) => same_value(other.value, shown.value)) || head.stamp === shown.stamp;
}

/** What a bare value means for a field, by its declared merge kind. */
function plain_verb(
  input: unknown,
  name: string,
  field: Field | undefined,
): Pick<Verb, "k" | "v" | "all_heads" | "stamps"> {
  const raw = input as { k?: unknown; v?: unknown; b?: string[] };
  if (typeof input === "object" && input !== null && typeof raw.k === "string" && RAW_VERBS.has(raw.k)) {
    return { k: raw.k as Verb["k"], v: raw.v, ...(raw.b === undefined ? {} : { stamps: raw.b }) };
  }
  if (name === "life") return { k: "life", v: input };
  switch (field?.merge) {
    case "counter":
      return { k: "count", v: input };
    case "set":
    case "file":
    case "track":
      return { k: "add", v: input };
    case "append":
      return { k: "log", v: input };
    default:
      return { k: "reg", v: input };
  }
}

const RAW_VERBS = new Set(["reg", "inc", "count", "add", "rem", "log", "retract", "life"]);

/** Texts are NFC on the wire (P-05); undefined inside objects disappears, as JSON would do. */
function clean(value: unknown): unknown {
  if (typeof value === "string") return value.normalize("NFC");
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== "object" || value === null) return value ?? null;
  const out: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) if (item !== undefined) out[key] = clean(item);
  return out;
}
