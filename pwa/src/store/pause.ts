/**
 * Long work on the page gives way: a tap is answered within one frame's patience (50 ms at a quarter of the speed).
 * Owns the way of giving way only.
 */

/** How many records one go may handle. */
export const SLICE = 2_000;

/** Let the browser paint and answer taps, then go on before anything else that waits. */
export function give_way(): Promise<void> {
  const { scheduler } = globalThis as { scheduler?: { yield?: () => Promise<void> } };
  if (typeof scheduler?.yield === "function") return scheduler.yield();
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}

/** Until the browser has nothing better to do: for what nobody waits for. */
export function when_idle(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof requestIdleCallback === "function") requestIdleCallback(() => resolve(), { timeout: 1_000 });
    else setTimeout(resolve, 0);
  });
}

/** Do something with every part of a list, giving way in between. */
export async function in_slices<T>(list: readonly T[], work: (part: readonly T[]) => void): Promise<void> {
  for (let at = 0; at < list.length; at += SLICE) {
    if (at > 0) await give_way();
    work(list.slice(at, at + SLICE));
  }
}
