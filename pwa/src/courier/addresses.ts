/**
 * Which of the server's addresses to use (M-67: 政务外网 and 专网).
 * Owns the choice only. Invariants: an address that answered is kept; after two silent tries in a row the next one is asked;
 * away from the first, it is tried again every eight minutes, so that a device is back within ten.
 */
export const SILENT_TRIES_MAX = 2;
export const RETURN_MS = 8 * 60_000;

export class Addresses {
  #list: () => readonly string[];
  #now: () => number;
  #index = 0;
  #silent = 0;
  #left_ms = 0;
  /** Where to go back to when the first one is still silent. */
  #fallback = 0;

  constructor(list: () => readonly string[], now: () => number) {
    this.#list = list;
    this.#now = now;
  }

  current(): string {
    const list = this.#list();
    if (this.#index !== 0 && Math.abs(this.#now() - this.#left_ms) >= RETURN_MS) {
      this.#fallback = this.#index;
      this.#index = 0;
      this.#silent = SILENT_TRIES_MAX - 1;
    }
    return list[this.#index % Math.max(1, list.length)] ?? "";
  }

  answered(): void {
    this.#silent = 0;
    if (this.#index === 0) this.#fallback = 0;
  }

  silent(): void {
    const { length } = this.#list();
    this.#silent += 1;
    if (length < 2 || this.#silent < SILENT_TRIES_MAX) return;
    this.#silent = 0;
    this.#left_ms = this.#now();
    this.#index = this.#index === 0 && this.#fallback !== 0 ? this.#fallback : (this.#index + 1) % length;
  }
}
