/**
 * A fork was answered: this device is a clone or came back from a backup. Its unsent ops take a new identity (P-24).
 * Owns the rewriting of lines and of parents that point at renumbered ops. Pure. Must not touch ops the server has or
 * ops already carried in a rescue file: their stamps are known to others.
 */
import type { Fop } from "./op";
import { chain, GENESIS, make_stamp, utf8 } from "./stamp";

export interface Line {
  dev: string;
  n: number;
  h: string;
  text: string;
}

export interface Renumbered {
  old_n: number;
  n: number;
  h: string;
  line: Uint8Array;
}

export function renumber(lines: readonly Line[], dev: string): Renumbered[] {
  const moved = new Map<string, string>();
  let h = GENESIS;
  return lines.map((old, index) => {
    const n = index + 1;
    const line = rewritten(old, lines, dev, n, moved);
    h = chain(h, line);
    moved.set(make_stamp(old.dev, old.n, old.h), make_stamp(dev, n, h));
    return { old_n: old.n, n, h, line };
  });
}

/** What is no op stays as it is. */
function rewritten(
  old: Line,
  lines: readonly Line[],
  dev: string,
  n: number,
  moved: ReadonlyMap<string, string>,
): Uint8Array {
  let op: { n: number; f: Record<string, Fop> };
  try {
    op = JSON.parse(old.text);
  } catch {
    return utf8(old.text);
  }
  for (const fop of Object.values(op.f)) {
    if (fop.b !== undefined) fop.b = fop.b.map((parent) => moved.get(parent) ?? parent);
    if (fop.seen !== undefined) fop.seen = moved_vector(fop.seen, old.dev, dev, lines, n);
  }
  op.n = n;
  return utf8(JSON.stringify(op));
}

/** A seen vector that covered renumbered ops must cover their copies, and no more of the old incarnation than stays. */
function moved_vector(
  seen: Record<string, number>,
  old_dev: string,
  dev: string,
  lines: readonly Line[],
  own_n: number,
): Record<string, number> {
  const last = seen[old_dev];
  const first = lines[0]?.n;
  if (last === undefined || first === undefined || last < first) return seen;
  const { [old_dev]: _dropped, ...rest } = seen;
  const covered = Math.min(lines.filter((line) => line.n <= last).length, own_n - 1);
  const out: Record<string, number> = first > 1 ? { ...rest, [old_dev]: first - 1 } : rest;
  if (covered > 0) out[dev] = covered;
  return out;
}
