/**
 * The sentinel: a copy of {dev, last n, pending} outside IndexedDB, so that an eviction is noticed and *counted*.
 * Owns the comparison at start. Must not: hold data. Browsers drop IndexedDB and localStorage by different rules.
 */
import type { Incarnation } from "./open";

export interface Sentinel {
  dev: string;
  last_n: number;
  pending: number;
}

type LocalStorage = Pick<Storage, "getItem" | "setItem" | "removeItem">;

export function read_sentinel(local: LocalStorage, key: string): Sentinel | null {
  try {
    const parsed: unknown = JSON.parse(local.getItem(key) ?? "null");
    if (typeof parsed !== "object" || parsed === null) return null;
    const { dev, last_n, pending } = parsed as Partial<Sentinel>;
    return typeof dev === "string" && typeof last_n === "number" && typeof pending === "number"
      ? { dev, last_n, pending }
      : null;
  } catch {
    return null; // unreadable or forbidden storage: no evidence either way
  }
}

export function write_sentinel(local: LocalStorage, key: string, self: Incarnation): void {
  try {
    local.setItem(
      key,
      JSON.stringify({ dev: self.dev, last_n: self.n, pending: self.n - self.acked } satisfies Sentinel),
    );
  } catch {
    // A full or forbidden localStorage only costs the count after an eviction; the op itself is already committed.
  }
}

/** How many unsent ops vanished, and whether this device must take a new incarnation. */
export function plan_start(sentinel: Sentinel | null, self: Incarnation | null): { lost: number; renew: boolean } {
  if (self === null) return { lost: sentinel?.pending ?? 0, renew: true };
  if (sentinel === null || sentinel.dev !== self.dev || sentinel.last_n <= self.n) return { lost: 0, renew: false };
  // The database is older than the sentinel: a restored backup. The server will say fork; the gap is already known.
  return { lost: Math.min(sentinel.last_n - self.n, sentinel.pending), renew: false };
}
