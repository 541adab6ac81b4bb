/**
 * What the service worker listens to: one request, from a page of this very origin.
 * Owns the judgement of a message. Must not: act on it (sw.ts does).
 */

export const TAKE_OVER = "SKIP_WAITING";

/** Whether a message asks a waiting version to take over: `own` is the worker's origin; data of any other shape says nothing. */
export function asks_to_take_over(message: { origin: string; data: unknown }, own: string): boolean {
  return message.origin === own && (message.data as { type?: unknown } | null | undefined)?.type === TAKE_OVER;
}
