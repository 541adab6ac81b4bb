/**
 * What lies over a screen, in the history of the browser: one entry per open sheet (and for the lock cover), so that Back closes the
 * uppermost sheet and stays. Owns the entries it makes: `over` in their state is how many lie there. Must not: know what a sheet holds, or change an address.
 * Invariants: while nothing moves, the `over` of the present entry is the number of open sheets; an entry whose sheets are
 * gone (somebody went Forward to it) is stepped over; a sheet closed otherwise takes its entry along.
 */
import { nextTick } from "vue";

interface Sheet {
  close: () => void;
}
export interface Overlay {
  /** Of sheets over sheets only the uppermost answers Escape. */
  uppermost: () => boolean;
  leave: () => void;
}

const open: Sheet[] = [];
/** A step of our own is on its way: the browser takes it later, and tells by popstate. */
let moving = false;
let waiting: (() => void)[] = [];

/** How many sheets the present entry of the history stands for. */
export const over_here = (): number => Number((history.state as { over?: unknown } | null)?.over ?? 0);

/** Make the history fit what is open: closing one sheet and opening the next within one turn moves nothing. */
function settle(): void {
  if (moving) return;
  const extra = over_here() - open.length;
  if (extra > 0) {
    moving = true;
    history.go(-extra);
    return;
  }
  while (over_here() < open.length) history.pushState({ over: over_here() + 1 }, "");
}

/** Go elsewhere once the history stands still: from a step on its way the browser would come back. */
export function when_still(go: () => void): void {
  if (moving) waiting.push(go);
  else go();
}

function on_step(): void {
  if (moving) {
    moving = false;
    const now = waiting;
    waiting = [];
    for (const go of now) go();
  } else if (document.body.dataset.covered === undefined) {
    // Under the cover everything waits for its person: what he typed must not go with a Back of somebody else.
    for (const sheet of open.slice(over_here()).reverse()) sheet.close();
  }
  // After the sheets are gone; one that did not close gets its entry again.
  void nextTick(settle);
}

/** Once, before the router asks for an address: a reload with an open sheet leaves its entry, but not the sheet. */
export function watch_overlays(): void {
  window.addEventListener("popstate", on_step);
  settle();
}

export function lay_over(close: () => void): Overlay {
  const sheet: Sheet = { close };
  open.push(sheet);
  settle();
  return {
    uppermost: () => open.at(-1) === sheet,
    leave: () => {
      open.splice(open.indexOf(sheet), 1);
      void nextTick(settle);
    },
  };
}
