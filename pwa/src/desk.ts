/**
 * The desk: verbs a form may use for a field. `engine.write` turns them into field operations.
 * Owns the vocabulary only. Must not know records, parents or time: those are filled in when the op is made.
 */
const VERB = Symbol("verb");

export interface Verb {
  readonly [VERB]: true;
  readonly k: "reg" | "inc" | "count" | "add" | "rem" | "log" | "retract" | "life";
  readonly v?: unknown;
  /** Every head is a parent: the conflict is decided. */
  readonly all_heads?: boolean;
  readonly stamps?: readonly string[];
}

const verb = (body: Omit<Verb, typeof VERB>): Verb => ({ [VERB]: true, ...body });

export const is_verb = (input: unknown): input is Verb => typeof input === "object" && input !== null && VERB in input;

/** A plain edit. */
export const set = (value: unknown): Verb => verb({ k: "reg", v: value });
/** Decide a conflict: supersede every head. */
export const resolve = (value: unknown): Verb => verb({ k: "reg", v: value, all_heads: true });
/** Change a counter by a signed whole number. */
export const inc = (n: number): Verb => verb({ k: "inc", v: n });
/** Stocktake: "I counted n". */
export const count = (n: number): Verb => verb({ k: "count", v: n });
/** Add to a set, file list or track. */
export const add = (value: unknown): Verb => verb({ k: "add", v: value });
/** Take a value out of a set (all adds of it this device has seen). */
export const rem = (value: unknown): Verb => verb({ k: "rem", v: value });
/** Append an entry. */
export const log = (value: unknown): Verb => verb({ k: "log", v: value });
/** Mark entries as withdrawn, by stamp. */
export const retract = (stamps: readonly string[]): Verb => verb({ k: "retract", stamps });
/** Delete the record: use as the value of field "life". */
export const remove = (): Verb => verb({ k: "life", v: "deleted" });
/** Bring a deleted record back: use as the value of field "life". */
export const restore = (): Verb => verb({ k: "life", v: "alive" });
