/**
 * Where a walked line is interrupted. Pure; must not know records or screens.
 * Invariant: nothing is drawn between two fixes that nobody walked under our eyes.
 */
import { GAP_MS, leapt } from "../../device/track";
import type { Fix } from "../../device/track_codec";

/** Cut a list of fixes wherever the next one comes too late, by a clock set back or from too far to be joined, and at every pause: nobody knows what lay between. */
export function segments_of(fixes: readonly Fix[], cuts_ms: readonly number[] = []): Fix[][] {
  const cut: Fix[][] = [];
  let last: Fix | null = null;
  for (const fix of fixes) {
    const before: Fix | null = last;
    if (
      before === null ||
      fix.t < before.t ||
      fix.t - before.t > GAP_MS ||
      leapt(before, fix) ||
      cuts_ms.some((at) => before.t <= at && at < fix.t)
    )
      cut.push([]);
    cut[cut.length - 1]?.push(fix);
    last = fix;
  }
  return cut;
}
