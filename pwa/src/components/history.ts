/**
 * What this device knows of a record's past: the ops its folded state still refers to.
 * Owns: reading ops out of the wire state, newest first. Must not fetch: the complete log is at the centre.
 */
import type { Rec } from "../engine";

export interface Step {
  stamp: string;
  user: string;
  at: number;
  changes: { field: string; value: unknown }[];
}

type Flat = readonly unknown[];

export function steps_of(rec: Rec): Step[] {
  const state = rec.state as unknown as {
    ops?: [string, string, number][];
    reg?: Record<string, Flat>;
    ctr?: Record<string, { c?: Flat; d?: Flat }>;
    set?: Record<string, Flat>;
    log?: Record<string, Flat>;
    life?: Flat;
  };
  const steps: Step[] = (state.ops ?? []).map(([stamp, user, at]) => ({ stamp, user, at, changes: [] }));
  const put = (flat: Flat | undefined, width: number, field: string, value: (i: number) => unknown): void => {
    for (let i = 0; flat !== undefined && i < flat.length; i += width) {
      steps[flat[i] as number]?.changes.push({ field, value: value(i) });
    }
  };
  for (const [field, flat] of Object.entries(state.reg ?? {})) put(flat, 2, field, (i) => flat[i + 1]);
  for (const [field, { c, d }] of Object.entries(state.ctr ?? {})) {
    put(c, 3, field, (i) => `= ${String(c?.[i + 1])}`);
    put(d, 3, field, (i) => (Number(d?.[i + 1]) > 0 ? `+${String(d?.[i + 1])}` : String(d?.[i + 1])));
  }
  for (const [field, flat] of Object.entries(state.set ?? {})) put(flat, 2, field, (i) => flat[i + 1]);
  for (const [field, flat] of Object.entries(state.log ?? {})) put(flat, 3, field, (i) => flat[i + 1]);
  put(state.life, 3, "life", (i) => state.life?.[i + 1]);
  return steps.filter((step) => step.changes.length > 0).sort((a, b) => b.at - a.at || (a.stamp < b.stamp ? 1 : -1));
}
