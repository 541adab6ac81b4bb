/**
 * What a frozen page must not hold: transactions. They are aborted as it freezes and made again after the thaw.
 * Owns the open transactions of all databases. Must not know what they do. Invariant: work is repeated only when its
 * transaction was aborted here, so that nothing is written twice.
 */
import { type IDBPTransaction, wrap } from "idb";

const THAWED = Promise.resolve();

export class Sleep {
  #open = new Set<IDBTransaction>();
  #freezes = 0;
  #thawed: Promise<void> = THAWED;
  #wake: () => void = () => undefined;

  /** Know every transaction of this connection from now on. */
  watch(db: IDBDatabase): void {
    const begin = db.transaction.bind(db);
    db.transaction = (...asked: Parameters<typeof begin>) => {
      const made = begin(...asked);
      this.#open.add(made);
      const end = () => this.#open.delete(made);
      made.addEventListener("complete", end);
      made.addEventListener("abort", end);
      // Who waits for the end still hears of it; work cut off before it came to wait must not look like a bug nobody saw.
      (wrap(made) as IDBPTransaction).done.catch(() => undefined);
      return made;
    };
  }

  /** Do some work with one transaction; again after the thaw when a freeze aborted it. */
  async through<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      if (this.#thawed !== THAWED) await this.#thawed;
      const freezes = this.#freezes;
      try {
        return await work();
      } catch (error) {
        const cut = error instanceof DOMException && error.name === "AbortError" && this.#freezes !== freezes;
        if (!cut) throw error;
      }
    }
  }

  freeze(): void {
    if (this.#thawed !== THAWED) return;
    this.#freezes += 1;
    this.#thawed = new Promise((resolve) => {
      this.#wake = resolve;
    });
    for (const one of this.#open) {
      try {
        one.abort();
      } catch {
        // Already being committed: it ends by itself.
      }
    }
  }

  thaw(): void {
    this.#thawed = THAWED;
    this.#wake();
  }
}
