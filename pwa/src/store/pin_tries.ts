/**
 * How often a PIN was tried: every try is on disk, strictly, before it is made – also when there is no room at all.
 * Owns one row and the strips of each person in the keys database. Must not know PINs or keys.
 * Invariants: one transaction reads and counts, so that pages share one count; what cannot be counted is not tried.
 *
 * With the quota used up the browser refuses to write, not to delete. So strips of two halves are laid with the PIN: a try that
 * cannot be written tears off a "try" half, the right PIN the "good" half beside it. Not localStorage: it reaches the disk
 * seconds later, so who kills the app after each wrong PIN tries for ever; and it can be full too. Not a reserve given back
 * when needed: its room belongs to whatever is written next. All strips torn: no more tries until there is room.
 */
import { change_keys, type Databases, type KeysChange } from "./open";
import { is_full } from "./room";

export const PIN_FREE_TRIES = 5;
export const PIN_WAIT_MS = 30_000;
export const PIN_WAIT_MS_MAX = 3_600_000;
/** Tries that can be counted between two moments with room. */
export const STRIPS = 64;

/** Delay after a wrong PIN: none for the first tries, then doubling. */
export function plan_pin_wait_ms(fails: number): number {
  if (fails < PIN_FREE_TRIES) return 0;
  return Math.min(PIN_WAIT_MS * 2 ** Math.min(fails - PIN_FREE_TRIES, 20), PIN_WAIT_MS_MAX);
}

type Half = "try" | "good";
type StripKey = ["strip", user_id: string, index: number, half: Half];
type Left = readonly [index: number, half: Half];

interface Row {
  fails: number;
  wait_until: number;
}

export interface Tally {
  fails: number;
  /** First strip that is whole or holds its try half; null when all are torn. */
  next: number | null;
}

/** What the row and the strips that are left say together; a torn "good" half makes everything before it past. */
export function read_tally(row_fails: number, left: readonly Left[]): Tally {
  const has = new Set(left.map(([index, half]) => `${index}${half}`));
  let next = 0;
  while (next < STRIPS && !has.has(`${next}try`)) next += 1;
  let good = next - 1;
  while (good >= 0 && has.has(`${good}good`)) good -= 1;
  return { fails: good < 0 ? row_fails + next : next - good - 1, next: next < STRIPS ? next : null };
}

const row_key = (user_id: string): string => `tries:${user_id}`;
const strip = (user_id: string, index: number, half: Half): any => ["strip", user_id, index, half] satisfies StripKey;
const strips_of = (user_id: string): IDBKeyRange =>
  IDBKeyRange.bound(["strip", user_id], ["strip", user_id, Number.POSITIVE_INFINITY]);

export class PinTries {
  #dbs: Databases;
  #now: () => number;
  /** Strips carry no time: a page that finds them torn begins the wait anew. */
  #waits = new Map<string, Row>();

  constructor(dbs: Databases, now: () => number) {
    this.#dbs = dbs;
    this.#now = now;
  }

  /** As far as this page knows. */
  wait_until(user_id: string): number {
    return this.#waits.get(user_id)?.wait_until ?? 0;
  }

  /** Counts one try, or refuses it: then the wait still runs. Throws when there is no way left to count. */
  async count(user_id: string): Promise<{ refused: boolean; wait_until: number }> {
    const { refused, said } = await this.#with_or_without_room((room) => (tx) => this.#count(tx, user_id, room));
    this.#waits.set(user_id, said);
    return { refused, wait_until: said.wait_until };
  }

  /** The PIN was right. */
  async forget(user_id: string): Promise<void> {
    const none = { fails: 0, wait_until: 0 };
    await this.#with_or_without_room(
      (room) => (tx) => (room ? this.lay(tx, user_id, none) : this.#tear_good(tx, user_id)),
    );
    this.#waits.delete(user_id);
  }

  /** Writes the count; strips that are missing are laid again, for the row now says what they said. */
  async lay(tx: KeysChange, user_id: string, row: Row): Promise<void> {
    const there = await tx.store.count(strips_of(user_id));
    const strips = there === 2 * STRIPS ? [] : Array.from({ length: STRIPS }, (_, index) => index);
    await Promise.all([
      tx.store.put(row, row_key(user_id)),
      ...strips.flatMap((index) =>
        (["try", "good"] as const).map((half) => tx.store.put(1, strip(user_id, index, half))),
      ),
    ]);
  }

  drop(tx: KeysChange, user_id: string): Promise<unknown> {
    return Promise.all([tx.store.delete(row_key(user_id)), tx.store.delete(strips_of(user_id))]);
  }

  async #count(tx: KeysChange, user_id: string, room: boolean): Promise<{ refused: boolean; said: Row }> {
    const now = this.#now();
    const { row, next, torn } = await this.#read(tx, user_id);
    // A clock set back must neither lock a person out for years nor end the wait: it begins anew.
    const anew = torn ? this.#waits.get(user_id)?.fails !== row.fails : row.wait_until - now > PIN_WAIT_MS_MAX;
    const held = anew ? { ...row, wait_until: now + plan_pin_wait_ms(row.fails) } : row;
    const refused = held.wait_until > now;
    const fails = row.fails + 1;
    const said = refused ? held : { fails, wait_until: now + plan_pin_wait_ms(fails) };
    if (room && (!refused || anew)) await this.lay(tx, user_id, said);
    if (!room && !refused) {
      if (next === null) throw new DOMException("this try cannot be counted", "QuotaExceededError");
      await tx.store.delete(strip(user_id, next, "try"));
    }
    return { refused, said };
  }

  /** The strip of this try; where the try itself could still be written, a fresh one. */
  async #tear_good(tx: KeysChange, user_id: string): Promise<void> {
    const keys = await this.#strips(tx, user_id);
    const next = read_tally(0, keys).next ?? STRIPS;
    const marked = next > 0 && keys.some(([index, half]) => index === next - 1 && half === "good");
    const index = marked ? next - 1 : next;
    await Promise.all([tx.store.delete(strip(user_id, index, "try")), tx.store.delete(strip(user_id, index, "good"))]);
  }

  async #read(tx: KeysChange, user_id: string): Promise<{ row: Row; next: number | null; torn: boolean }> {
    const stored = (await tx.store.get(row_key(user_id))) as Row | undefined;
    const left = await this.#strips(tx, user_id);
    if (stored === undefined) return { row: { fails: 0, wait_until: 0 }, next: null, torn: false };
    const { fails, next } = read_tally(stored.fails, left);
    if (left.length === 2 * STRIPS) return { row: stored, next, torn: false };
    return { row: { fails, wait_until: this.#waits.get(user_id)?.wait_until ?? 0 }, next, torn: true };
  }

  async #strips(tx: KeysChange, user_id: string): Promise<Left[]> {
    const keys = (await tx.store.getAllKeys(strips_of(user_id))) as unknown as StripKey[];
    return keys.map(([, , index, half]) => [index, half]);
  }

  async #with_or_without_room<T>(work: (room: boolean) => (tx: KeysChange) => Promise<T>): Promise<T> {
    const change = (room: boolean) => change_keys(this.#dbs, work(room));
    try {
      return await change(true);
    } catch (error) {
      if (!is_full(error)) throw error;
      return change(false);
    }
  }
}
