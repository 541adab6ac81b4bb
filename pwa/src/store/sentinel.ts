/**
 * The sentinel: what this device holds unsent, noted outside IndexedDB, so that an eviction is noticed and *counted*.
 * Owns the comparison at start. Must not: hold data. Browsers drop IndexedDB and localStorage by different rules.
 * Invariant: a loss that was found and the state it was found in are noted in one write, so that a kill right after
 * neither forgets it nor counts it twice.
 */
import type { Incarnation } from "./open";

export interface Sentinel {
  dev: string;
  last_n: number;
  /** Unsent ops. */
  pending: number;
  /** Photos and tracks the server had not confirmed. */
  files: number;
  /** All that was ever found lost on this device. */
  lost: number;
}

type LocalStorage = Pick<Storage, "getItem" | "setItem" | "removeItem">;

export function read_sentinel(local: LocalStorage, key: string): Sentinel | null {
  try {
    const parsed: unknown = JSON.parse(local.getItem(key) ?? "null");
    if (typeof parsed !== "object" || parsed === null) return null;
    // Earlier versions noted neither files nor losses.
    const { dev, last_n, pending, files = 0, lost = 0 } = parsed as Partial<Sentinel>;
    return typeof dev === "string" && [last_n, pending, files, lost].every((one) => typeof one === "number")
      ? { dev, last_n: last_n!, pending: pending!, files, lost }
      : null;
  } catch {
    return null; // unreadable or forbidden storage: no evidence either way
  }
}

export function write_sentinel(local: LocalStorage, key: string, sentinel: Sentinel): void {
  try {
    local.setItem(key, JSON.stringify(sentinel));
  } catch {
    // A full or forbidden localStorage only costs the count after an eviction; the op itself is already committed.
  }
}

/** How many unsent things vanished, and whether this device must take a new incarnation. */
export function plan_start(sentinel: Sentinel | null, self: Incarnation | null): { lost: number; renew: boolean } {
  if (self === null) return { lost: sentinel === null ? 0 : sentinel.pending + sentinel.files, renew: true };
  if (sentinel === null || sentinel.dev !== self.dev || sentinel.last_n <= self.n) return { lost: 0, renew: false };
  // The database is older than the sentinel: a restored backup. The server will say fork; the gap is already known.
  return { lost: Math.min(sentinel.last_n - self.n, sentinel.pending), renew: false };
}
