/**
 * A decision of the centre as one op: its parents are every head the deciding person saw.
 * Owns: building that field verb for registers, stocktakes and deletions from the wire state. Pure.
 * Invariant: a decision never lists a head that was not on the screen, so a later report reopens the conflict.
 */

type Vector = Record<string, number>;

interface Wire {
  ops?: [string, string, number][];
  vv?: Vector;
  ctr?: Record<string, { c?: unknown[]; d?: unknown[]; seen?: Vector }>;
}

function raise(seen: Vector, stamp: string): void {
  const [dev = "", n = "0"] = stamp.split(":");
  seen[dev] = Math.max(seen[dev] ?? 0, Number(n));
}

/** Everything folded into a record so far: what a person looking at it has seen. */
export function vector_of(state: Wire): Vector {
  const seen: Vector = { ...(state.vv ?? {}) };
  for (const [stamp] of state.ops ?? []) raise(seen, stamp);
  return seen;
}

export function decision(
  state: Wire,
  field: string,
  value: unknown,
  heads: readonly string[],
  shown: unknown,
): Record<string, unknown> {
  if (field === "life") return { k: "life", v: value, b: [...heads], seen: vector_of(state) };
  const counter = state.ctr?.[field];
  if (counter) {
    const seen: Vector = { ...(counter.seen ?? {}) };
    for (const head of heads) raise(seen, head);
    const deltas = counter.d ?? [];
    for (let i = 0; i < deltas.length; i += 3) {
      const op = state.ops?.[Number(deltas[i])];
      if (op) raise(seen, op[0]);
    }
    return { k: "count", v: Number(value), b: [...heads], seen };
  }
  return shown === undefined || shown === null
    ? { k: "reg", v: value, b: [...heads] }
    : { k: "reg", v: value, b: [...heads], p: shown };
}
