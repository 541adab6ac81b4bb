/**
 * What the very first paint may say, before the engine's code and the databases are open.
 * Owns one small text in localStorage. Must not: hold anything about a person or a record: the town, the letter of
 * this device, what waits here as counts, and whether there is a PIN. Invariant: what cannot be read is as good as absent; the engine's own words follow.
 */
import type { Engine, Held } from "./engine_types";
import type { Ports } from "./ports";

export const FIRST_SCREEN_KEY = "xunan-first";
export const FIRST_SCREEN_CHARS_MAX = 500;

export interface FirstScreen {
  town: string;
  letter: string;
  held: Held;
  /** Somebody has a PIN: the pad can stand before anything is open. */
  pin: boolean;
}

type Local = Ports["local"];

export function take_first_screen(engine: Pick<Engine, "session" | "status">): FirstScreen {
  const { town, device, users } = engine.session;
  const pin = users.some((user) => user.has_pin);
  return { town: town?.name ?? "", letter: device?.letter ?? "", held: engine.status().held, pin };
}

export function write_first_screen(local: Local, first: FirstScreen): void {
  const text = JSON.stringify(first);
  if (text.length > FIRST_SCREEN_CHARS_MAX || local.getItem(FIRST_SCREEN_KEY) === text) return;
  try {
    local.setItem(FIRST_SCREEN_KEY, text);
  } catch {
    // A full or refused localStorage costs one early line of text, nothing else.
  }
}

export function read_first_screen(local: Local): FirstScreen | null {
  try {
    const found = JSON.parse(local.getItem(FIRST_SCREEN_KEY) ?? "null") as Partial<FirstScreen> | null;
    const { town, letter, held, pin } = found ?? {};
    if (typeof town !== "string" || typeof letter !== "string") return null;
    const { records, photos, tracks, audio } = held ?? {};
    if (![records, photos, tracks, audio].every(Number.isSafeInteger)) return null;
    return { town, letter, held: held!, pin: pin === true };
  } catch {
    return null;
  }
}

export const is_empty = (held: Held): boolean => held.records + held.photos + held.tracks + held.audio === 0;

/** The line to paint; `waiting` words the counts. */
export function first_line(first: FirstScreen, opening: string, waiting: (held: Held) => string): string {
  const counts = is_empty(first.held) ? "" : waiting(first.held);
  return [first.town, first.letter, counts, opening].filter((part) => part !== "").join(" · ");
}
