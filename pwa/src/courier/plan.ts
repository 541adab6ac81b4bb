/**
 * Decisions of the courier, pure: what goes into the next batch, how long to wait, whether it is stuck.
 * Must not do I/O. Invariants: ops leave in n order without gaps; a group is never split; a batch always makes
 * progress (at least one op or one group), whatever the limits say.
 */
import { BATCH_BYTES_MAX, OPS_PER_BATCH_MAX } from "../core/limits";

export interface OutLine {
  n: number;
  h: string;
  line: Uint8Array;
  group: [string, number, number] | null;
}

export const BACKOFF_MS_MIN = 2_000;
export const BACKOFF_MS_MAX = 300_000;
/** New work asks for a try at most this often while the server is not reached. */
export const NUDGE_MS = 30_000;
export const IDLE_POLL_MS = 60_000;
export const STUCK_MS = 600_000;
export const REQUEST_MS_MAX = 60_000;
/** Room for the header line and the newlines. */
export const HEADER_BYTES_RESERVE = 4_096;
/** A scope whose digest differs is fetched again at most this often. */
export const REFETCH_MS_MIN = 600_000;

/** How many of these lines go into the next batch. `ops_max` shrinks after a 413 (P: 413 still makes progress). */
export function plan_batch(
  lines: readonly OutLine[],
  ops_max = OPS_PER_BATCH_MAX,
  bytes_max = BATCH_BYTES_MAX,
): number {
  let taken = 0;
  let bytes = HEADER_BYTES_RESERVE;
  while (taken < lines.length) {
    const first = lines[taken]!;
    const size = first.group === null ? 1 : first.group[2] - first.group[1];
    const unit = lines.slice(taken, taken + size);
    if (unit.length < size) break; // the rest of the group has not been read; never split it
    const unit_bytes = unit.reduce((sum, one) => sum + one.line.length + 1, 0);
    if (taken > 0 && (taken + size > ops_max || bytes + unit_bytes > bytes_max)) break;
    taken += size;
    bytes += unit_bytes;
    if (taken >= ops_max) break;
  }
  // A group whose tail is missing on this device would hold up everything behind it: send what there is.
  return taken === 0 ? Math.min(lines.length, ops_max) : taken;
}

export const halve = (ops_max: number): number => Math.max(1, Math.floor(ops_max / 2));

/** Jittered exponential delay; it never gives up and never exceeds the maximum. */
export function plan_backoff_ms(failures: number, jitter: number): number {
  const full = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(failures, 16));
  return Math.round(full / 2 + (full / 2) * jitter);
}

/** Pending work, a server that answers, and yet no progress: something is wedged (property 19). */
export function is_stuck(now_ms: number, pending: number, online: boolean, progress_ms: number): boolean {
  return pending > 0 && online && now_ms - progress_ms >= STUCK_MS;
}
