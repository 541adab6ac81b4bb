/** What "no room" looks like. Owns only that: who meets it decides what gives way. */

/** The browser or the disk keeps no more. Such a transaction is undone whole; deletes still pass. */
export const is_full = (error: unknown): boolean =>
  error instanceof DOMException && error.name === "QuotaExceededError";
