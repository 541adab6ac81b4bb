/**
 * What the very first paint may say, before the engine's code and the databases are open.
 * Owns one small text in localStorage. Must not: hold anything about a person or a record: the town, the letter of
 * this device, two counts, and whether there is a PIN. Invariant: what cannot be read is as good as absent; the engine's own words follow.
 */
import type { Engine } from "./engine_types";
import type { Ports } from "./ports";

export const FIRST_SCREEN_KEY = "xunan-first";
export const FIRST_SCREEN_CHARS_MAX = 500;

export interface FirstScreen {
  town: string;
  letter: string;
  ops: number;
  files: number;
  /** Somebody has a PIN: the pad can stand before anything is open. */
  pin: boolean;
}

type Local = Ports["local"];

export function take_first_screen(engine: Pick<Engine, "session" | "status">): FirstScreen {
  const { pending_ops, pending_files } = engine.status();
  const { town, device, users } = engine.session;
  const pin = users.some((user) => user.has_pin);
  return { town: town?.name ?? "", letter: device?.letter ?? "", ops: pending_ops, files: pending_files, pin };
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
    const { town, letter, ops, files, pin } = found ?? {};
    if (typeof town !== "string" || typeof letter !== "string") return null;
    if (!Number.isSafeInteger(ops) || !Number.isSafeInteger(files)) return null;
    return { town, letter, ops: ops!, files: files!, pin: pin === true };
  } catch {
    return null;
  }
}

/** The line to paint; `waiting` words the counts. */
export function first_line(
  first: FirstScreen,
  opening: string,
  waiting: (counts: { n: number; m: number }) => string,
): string {
  const counts = first.ops + first.files > 0 ? waiting({ n: first.ops, m: first.files }) : "";
  return [first.town, first.letter, counts, opening].filter((part) => part !== "").join(" · ");
}
