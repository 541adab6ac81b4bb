/**
 * The outbox and own history: every op this device ever made, until the server calls it durable and 30 days passed.
 * Owns: allocation of n and h (P-02), settlement of answers, fork renumbering (P-24), pruning.
 * Must not: know the network, or drop an op the server has not called durable.
 * Invariants: an op and the tail {n, h} commit in one strict transaction; a save that lost a race with another tab
 * commits nothing and reports StaleTail; sealing happens before the transaction because crypto would close it.
 */
import { OWN_OPS_KEEP_DAYS } from "../core/limits";
import { GENESIS, make_stamp } from "../core/stamp";
import type { Databases, Incarnation, OpRow } from "./open";
import { is_full } from "./room";

const DAY_MS = 86_400_000;
const SELF = "incarnation";
/** Earlier incarnations: delivered, and asked about, until a backup holds all of their ops (P-24). */
const FORMER = "former";
/** Old ops removed per answer at most: pruning never delays a settlement. */
const PRUNE_MAX = 50;

/** Another tab wrote ops since the tail was read; make the lines again from the new tail. */
export class StaleTail extends Error {
  override readonly name = "StaleTail";
}

export interface Verdict {
  n: number;
  v: string;
  was?: string;
  why?: string;
  conflict?: string;
}

export interface Settlement {
  acked: number;
  acked_h: string;
  durable: number;
  verdicts: readonly Verdict[];
}

/** All incarnations this device answers for. */
export interface Chains {
  self: Incarnation;
  former: Incarnation[];
}

export class OpsStore {
  #dbs: Databases;

  constructor(dbs: Databases) {
    this.#dbs = dbs;
  }

  async incarnation(): Promise<Incarnation | null> {
    return (await this.#dbs.ops.use((db) => db.get("meta", SELF))) ?? null;
  }

  async former(): Promise<Incarnation[]> {
    return (await this.#dbs.ops.use((db) => db.get("meta", FORMER))) ?? [];
  }

  async start_incarnation(dev: string): Promise<Incarnation> {
    const fresh: Incarnation = { dev, n: 0, h: GENESIS, acked: 0, acked_h: GENESIS, durable: 0, exported: 0 };
    await this.#dbs.ops.use(async (db) => {
      const tx = db.transaction("meta", "readwrite", { durability: "strict" });
      await Promise.all([tx.store.put(fresh, SELF), tx.done]);
    });
    return fresh;
  }

  /** Save ops; resolves only after the strict commit. `tail` is the incarnation the lines were made from. */
  async append(tail: Incarnation, rows: readonly OpRow[]): Promise<Incarnation> {
    const last = rows.at(-1);
    if (last === undefined) return tail;
    return this.#dbs.ops.use(async (db) => {
      const tx = db.transaction(["ops", "meta"], "readwrite", { durability: "strict" });
      const now: Incarnation | undefined = await tx.objectStore("meta").get(SELF);
      if (now === undefined || now.dev !== tail.dev || now.n !== tail.n || now.h !== tail.h) {
        tx.abort();
        await tx.done.catch(() => undefined);
        throw new StaleTail();
      }
      const next: Incarnation = { ...now, n: last.n, h: last.h };
      await Promise.all([
        ...rows.map((row) => tx.objectStore("ops").add(row)),
        tx.objectStore("meta").put(next, SELF),
        tx.done,
      ]);
      return next;
    });
  }

  all(): Promise<OpRow[]> {
    return this.#dbs.ops.use((db) => db.getAll("ops"));
  }

  range(dev: string, from: number, limit: number): Promise<OpRow[]> {
    return this.#dbs.ops.use((db) => db.getAll("ops", IDBKeyRange.bound([dev, from], [dev, Infinity]), limit));
  }

  one(dev: string, n: number): Promise<OpRow | undefined> {
    return this.#dbs.ops.use((db) => db.get("ops", [dev, n]));
  }

  /**
   * Take over what the server said. `acked` may go down (P-23): then those ops simply count as unsent again. Without room it
   * holds until the app is started again: the same ops leave once more then, and get the same verdicts (P-21).
   */
  async settle(dev: string, answer: Settlement, now_ms: number): Promise<Chains | null> {
    const said: { chains: Chains | null } = { chains: null };
    try {
      await this.#settle(dev, answer, now_ms, said);
    } catch (error) {
      if (!is_full(error)) throw error;
    }
    return said.chains;
  }

  async #settle(dev: string, answer: Settlement, now_ms: number, said: { chains: Chains | null }): Promise<void> {
    await this.#dbs.ops.use(async (db) => {
      const tx = db.transaction(["ops", "meta"], "readwrite", { durability: "strict" });
      const meta = tx.objectStore("meta");
      const self: Incarnation | undefined = await meta.get(SELF);
      const former: Incarnation[] = (await meta.get(FORMER)) ?? [];
      const held = self?.dev === dev ? self : former.find((one) => one.dev === dev);
      if (self === undefined || held === undefined) {
        await tx.done;
        return; // the answer belongs to a life of this device that is over
      }
      // A copy of this disk may have brought the server further than this one has compared: that is not ours to forget.
      const acked = Math.min(answer.acked, held.n);
      const durable = Math.min(answer.durable, acked);
      const next: Incarnation = { ...held, acked, acked_h: answer.acked_h, durable };
      const chains: Chains = {
        self: self.dev === dev ? next : self,
        former: former.map((one) => (one.dev === dev ? next : one)).filter(is_needed),
      };
      said.chains = chains;
      const ops = tx.objectStore("ops");
      for (const verdict of answer.verdicts) {
        const row = await ops.get([dev, verdict.n]);
        if (row === undefined) continue;
        const v = verdict.v === "duplicate" ? (verdict.was ?? row.verdict ?? "applied") : verdict.v;
        await ops.put({ ...row, verdict: v, why: verdict.why ?? null });
      }
      const oldest = now_ms - OWN_OPS_KEEP_DAYS * DAY_MS;
      // The newest durable op stays: a server that falls back to it is answered with its hash.
      const settled = IDBKeyRange.bound([dev, 0], [dev, Math.max(0, durable - 1)]);
      for (const row of await ops.getAll(settled, PRUNE_MAX)) {
        if (row.saved_ms >= oldest) break;
        await ops.delete([dev, row.n]);
      }
      await meta.put(chains.self, SELF);
      await meta.put(chains.former, FORMER);
      await tx.done;
    });
  }

  /** Take the text of own ops away; gives the rows as they are then, by stamp. */
  async erase(keys: readonly (readonly [dev: string, n: number])[]): Promise<Map<string, OpRow>> {
    return this.#dbs.ops.use(async (db) => {
      const tx = db.transaction("ops", "readwrite", { durability: "strict" });
      const left = new Map<string, OpRow>();
      for (const [dev, n] of keys) {
        const row = await tx.store.get([dev, n]);
        if (row === undefined) continue;
        const bare: OpRow = { ...row, line: null, sealed: null, bytes: 0, erased: true };
        await tx.store.put(bare);
        left.set(make_stamp(dev, n, row.h), bare);
      }
      await tx.done;
      return left;
    });
  }

  async mark_exported(dev: string, n: number): Promise<void> {
    await this.#dbs.ops.use(async (db) => {
      const tx = db.transaction("meta", "readwrite", { durability: "strict" });
      const self: Incarnation | undefined = await tx.store.get(SELF);
      if (self !== undefined && self.dev === dev && n > self.exported)
        await tx.store.put({ ...self, exported: n }, SELF);
      await tx.done;
    });
  }

  /** Replace the ops after `parted.acked` by their renumbered copies under a new incarnation, all or nothing. */
  async renumber(
    parted: Incarnation,
    old_keys: readonly number[],
    rows: readonly OpRow[],
    fresh: Incarnation,
  ): Promise<void> {
    await this.#dbs.ops.use(async (db) => {
      const tx = db.transaction(["ops", "meta"], "readwrite", { durability: "strict" });
      const meta = tx.objectStore("meta");
      const self: Incarnation | undefined = await meta.get(SELF);
      const former: Incarnation[] = (await meta.get(FORMER)) ?? [];
      const now = self?.dev === parted.dev ? self : former.find((one) => one.dev === parted.dev);
      if (self === undefined || now === undefined || now.n !== parted.n) {
        tx.abort();
        await tx.done.catch(() => undefined);
        throw new StaleTail();
      }
      const kept = Math.max(now.acked, now.exported);
      const rest = former.filter((one) => one.dev !== parted.dev);
      rest.push({ ...now, n: kept, h: kept === now.acked ? now.acked_h : now.h });
      const is_self = self.dev === parted.dev;
      if (!is_self && rows.length > 0) rest.push(fresh);
      const ops = tx.objectStore("ops");
      await Promise.all([
        ...old_keys.map((n) => ops.delete([parted.dev, n])),
        ...rows.map((row) => ops.add(row)),
        ...(is_self ? [meta.put(fresh, SELF)] : []),
        meta.put(rest.filter(is_needed), FORMER),
        tx.done,
      ]);
    });
  }
}

/** Whether a former incarnation still has to be asked about: no backup holds all of it yet. */
const is_needed = (one: Incarnation): boolean => one.durable < one.n;
