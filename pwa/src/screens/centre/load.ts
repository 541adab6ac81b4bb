/**
 * Reading with its states: busy, failed, old but shown. One helper for every page.
 * Owns: the last answer, the error, and repeating the read when something changed at the centre (hints, else 30 s).
 * Invariant: an answer that arrives after a newer question is dropped; a failed refresh never blanks what is shown.
 */
import { onMounted, onScopeDispose, type ShallowRef, shallowRef, watch } from "vue";
import { use_engine } from "../../use";
import { CentreError, type Stamp } from "./client";

export const POLL_MS = 30_000;
const HINT_GATHER_MS = 800;

/** The stamp of the answer on screen, for the top bar. */
export const stamp = shallowRef<Stamp | null>(null);
/** Whether the last read failed while an older answer is shown. */
export const stale = shallowRef(false);

export interface Loaded<T> {
  data: ShallowRef<T | null>;
  error: ShallowRef<CentreError | null>;
  busy: ShallowRef<boolean>;
  reload: () => Promise<void>;
}

const listeners = new Set<() => void>();

export function use_loaded<T extends object>(read: () => Promise<T>, watched: () => unknown): Loaded<T> {
  const data = shallowRef<T | null>(null) as ShallowRef<T | null>;
  const error = shallowRef<CentreError | null>(null);
  const busy = shallowRef(false);
  let asked = 0;
  const reload = async (): Promise<void> => {
    const mine = ++asked;
    busy.value = true;
    try {
      const answer = await read();
      if (mine !== asked) return;
      data.value = answer;
      error.value = null;
      stale.value = false;
      const given = (answer as { completeness?: Stamp }).completeness;
      if (given) stamp.value = given;
    } catch (cause) {
      if (mine !== asked) return;
      error.value = cause instanceof CentreError ? cause : new CentreError("unexpected", String(cause), 0);
      stale.value = data.value !== null;
    } finally {
      if (mine === asked) busy.value = false;
    }
  };
  const again = (): void => {
    void reload();
  };
  onMounted(again);
  watch(watched, again);
  listeners.add(again);
  onScopeDispose(() => listeners.delete(again));
  return { data, error, busy, reload };
}

/** Ask every open page to read again; called after a write of our own, too. */
export function refresh_all(): void {
  for (const listener of listeners) listener();
}

/**
 * Read again soon after each exchange of the engine (it follows the server's live hints), and in any case every POLL_MS
 * while the page is visible. Returns how to stop.
 */
export function keep_fresh(): () => void {
  let gather: ReturnType<typeof setTimeout> | undefined;
  const off = use_engine().on("sync", () => {
    clearTimeout(gather);
    gather = setTimeout(refresh_all, HINT_GATHER_MS);
  });
  const poll = setInterval(() => {
    if (!document.hidden) refresh_all();
  }, POLL_MS);
  return () => {
    off();
    clearInterval(poll);
    clearTimeout(gather);
  };
}
