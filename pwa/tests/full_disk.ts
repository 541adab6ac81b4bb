/**
 * A device without room, as Chromium shows it: a transaction that puts anything is undone at its commit, deletes pass.
 * Owns the switch per world. Must not know the engine.
 */
import "fake-indexeddb/auto";

/** Full databases by prefix; the value names the store where a delete makes room, or is null. */
const full = new Map<string, string | null>();
const too_much = new WeakSet<object>();

export const fill = (prefix: string, freed_by: string | null = null): void => void full.set(prefix, freed_by);
export const empty = (prefix: string): void => void full.delete(prefix);

const prefix_of = (store: any): string => {
  const { name } = store.transaction.db;
  return name.slice(0, name.lastIndexOf("-"));
};

const stores = IDBObjectStore.prototype as any;
for (const verb of ["put", "add"]) {
  const plain = stores[verb];
  stores[verb] = function (this: any, ...given: unknown[]) {
    if (full.has(prefix_of(this))) too_much.add(this.transaction);
    return plain.apply(this, given);
  };
}
const plain_delete = stores.delete;
stores.delete = function (this: any, ...given: unknown[]) {
  if (full.get(prefix_of(this)) === this.name) empty(prefix_of(this));
  return plain_delete.apply(this, given);
};

const transactions = IDBTransaction.prototype as any;
const plain_start = transactions._start;
transactions._start = function (this: any) {
  const waiting = this._requests.some(({ request }: any) => request.readyState !== "done");
  if (!waiting && this._state !== "finished" && too_much.has(this)) this._abort("QuotaExceededError");
  else plain_start.call(this);
};
