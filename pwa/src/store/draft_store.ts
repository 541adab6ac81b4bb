/**
 * Drafts: what was typed but not saved yet. Survives a killed browser.
 * Owns: debounce (300 ms), sealing at rest. Must not: make ops. Invariant: a draft is never written in clear once the
 * device has a data key; while locked drafts cannot be read.
 */
import type { Keyring } from "./keys";
import type { Databases } from "./open";

export const DRAFT_DEBOUNCE_MS = 300;

interface Waiting {
  value: unknown;
  cancel: () => void;
  done: Promise<void>;
  settle: (error?: unknown) => void;
}

export class DraftStore {
  #dbs: Databases;
  #keys: Keyring;
  #now: () => number;
  #set_timer: (ms: number, cb: () => void) => () => void;
  #waiting = new Map<string, Waiting>();

  constructor(dbs: Databases, keys: Keyring, now: () => number, set_timer: (ms: number, cb: () => void) => () => void) {
    this.#dbs = dbs;
    this.#keys = keys;
    this.#now = now;
    this.#set_timer = set_timer;
  }

  async get<T = any>(key: string): Promise<T | undefined> {
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) return structuredClone(waiting.value) as T;
    const row = await this.#dbs.drafts.use((db) => db.get("drafts", key));
    if (row === undefined) return undefined;
    const text = row.sealed === null ? row.text : await this.#keys.unseal_text(row.sealed);
    return text === null ? undefined : (JSON.parse(text) as T);
  }

  put(key: string, value: unknown): Promise<void> {
    const before = this.#waiting.get(key);
    before?.cancel();
    const copy: unknown = JSON.parse(JSON.stringify(value ?? null));
    const cancel = this.#set_timer(DRAFT_DEBOUNCE_MS, () => void this.#store(key));
    if (before !== undefined) {
      before.value = copy;
      before.cancel = cancel;
      return before.done;
    }
    let settle: (error?: unknown) => void = () => undefined;
    const done = new Promise<void>((resolve, reject) => {
      settle = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.#waiting.set(key, { value: copy, cancel, done, settle });
    return done;
  }

  async drop(key: string): Promise<void> {
    const waiting = this.#waiting.get(key);
    waiting?.cancel();
    this.#waiting.delete(key);
    waiting?.settle();
    await this.#dbs.drafts.use((db) => db.delete("drafts", key));
  }

  keys(): Promise<string[]> {
    return this.#dbs.drafts.use((db) => db.getAllKeys("drafts"));
  }

  /** Write everything still waiting; called before locking and when the page is hidden. */
  async flush(): Promise<void> {
    await Promise.all(
      [...this.#waiting].map(([key, waiting]) => {
        waiting.cancel();
        return this.#store(key);
      }),
    );
  }

  async #store(key: string): Promise<void> {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return;
    this.#waiting.delete(key);
    try {
      const text = JSON.stringify(waiting.value);
      const sealed = this.#keys.unlocked ? await this.#keys.seal(text) : null;
      if (sealed !== null)
        await this.#dbs.drafts.use((db) => db.put("drafts", { key, text: null, sealed, at: this.#now() }));
      waiting.settle();
    } catch (error) {
      waiting.settle(error);
    }
  }
}
