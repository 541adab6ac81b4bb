/**
 * The pulled view: what the server said, as packs from snapshots plus single changed rows.
 * Owns: writing a page and its cursor and digests in one transaction (P-25), snapshot packs, scope removal.
 * Must not: fold, decrypt, or touch the outbox. Invariants: a row overrides a pack entry of the same id with a seq that
 * is not newer; ids and seqs of sealed records stay readable so that digests and purge counts are exact while locked.
 */
import type { ScopeDigest } from "./digest";
import type { Databases, PackRow, ViewRow } from "./open";
import { join_states, text_of } from "./pack";
import { place_plain } from "./view_load";

export interface ViewMeta {
  cursor: string | null;
  seq: number;
  digests: Record<string, ScopeDigest>;
  /** Scopes whose snapshot is complete (P-29). */
  complete: string[];
  granted: string[];
  /** Those of the granted scopes of which this device may hold the common kinds only (P-45). */
  masked: string[];
  common: string[];
  as_of_ms: number | null;
}

export const EMPTY_META: ViewMeta = {
  cursor: null,
  seq: 0,
  digests: {},
  complete: [],
  granted: [],
  masked: [],
  common: [],
  as_of_ms: null,
};

const META = "meta";

export class ViewStore {
  #dbs: Databases;

  constructor(dbs: Databases) {
    this.#dbs = dbs;
  }

  async load(): Promise<{ packs: PackRow[]; rows: ViewRow[]; meta: ViewMeta }> {
    return this.#dbs.view.use(async (db) => {
      const tx = db.transaction(["packs", "rows", "meta"]);
      const [packs, rows, meta] = await Promise.all([
        tx.objectStore("packs").getAll(),
        tx.objectStore("rows").getAll(),
        tx.objectStore("meta").get(META),
      ]);
      await tx.done;
      return { packs, rows, meta: { ...EMPTY_META, ...(meta as ViewMeta | undefined) } };
    });
  }

  async meta(): Promise<ViewMeta> {
    const meta = (await this.#dbs.view.use((db) => db.get("meta", META))) as ViewMeta | undefined;
    return { ...EMPTY_META, ...meta };
  }

  async rows(ids: readonly string[]): Promise<(ViewRow | undefined)[]> {
    return this.#dbs.view.use(async (db) => {
      const tx = db.transaction("rows");
      const found = await Promise.all(ids.map((id) => tx.store.get(id)));
      await tx.done;
      return found;
    });
  }

  /** One page: rows, tombstones, cursor and digests together, or nothing. */
  async put_page(rows: readonly ViewRow[], meta: ViewMeta): Promise<void> {
    await this.#dbs.view.use(async (db) => {
      const tx = db.transaction(["rows", "meta"], "readwrite", { durability: "strict" });
      const store = tx.objectStore("rows");
      await Promise.all([...rows.map((row) => store.put(row)), tx.objectStore("meta").put(meta, META), tx.done]);
    });
  }

  /**
   * A complete snapshot replaces everything held of its scope. Rows of the scope become tombstones (an older copy in
   * another scope's pack must not come back); rows of the ids in `replaced` go, because the pack is what counts now.
   */
  async put_snapshot(
    scope: string,
    packs: readonly PackRow[],
    replaced: readonly string[],
    meta: ViewMeta,
  ): Promise<void> {
    await this.#dbs.view.use(async (db) => {
      const tx = db.transaction(["packs", "rows", "meta"], "readwrite", { durability: "strict" });
      const rows = tx.objectStore("rows");
      await tx.objectStore("packs").delete(IDBKeyRange.bound([scope, 0], [scope, Infinity]));
      for (const row of await rows.index("scope").getAll(scope)) {
        await rows.put({ ...row, scope: "", gone: true, text: null, sealed: null });
      }
      // Mostly there are none: a snapshot names thousands of records, and each request costs.
      const single = new Set(await rows.getAllKeys());
      for (const id of replaced) if (single.has(id)) await rows.delete(id);
      for (const pack of packs) await tx.objectStore("packs").put(pack);
      await tx.objectStore("meta").put(meta, META);
      await tx.done;
    });
  }

  /** These records of a scope go. Needs no key: a sealed part of a pack goes whole, the digest fetches what it should have kept. */
  async drop(scope: string, ids: ReadonlySet<string>, meta: ViewMeta): Promise<void> {
    await this.#dbs.view.use(async (db) => {
      const tx = db.transaction(["packs", "rows", "meta"], "readwrite", { durability: "strict" });
      const packs = tx.objectStore("packs");
      for (const pack of await packs.getAll(IDBKeyRange.bound([scope, 0], [scope, Infinity]))) {
        const kept = place_plain(pack).filter((one) => !ids.has(one.id));
        const plain = join_states(kept.map((one) => ({ ...one, text: text_of(one.text) })));
        const open = !pack.sealed_ids.some(([id]) => ids.has(id));
        const sealed = open ? {} : { sealed: null, sealed_ids: [] };
        await packs.put({ ...pack, plain: plain.text, plain_ids: plain.ids, ...sealed });
      }
      const rows = tx.objectStore("rows");
      for (const row of await rows.index("scope").getAll(scope)) {
        if (ids.has(row.id)) await rows.put({ ...row, scope: "", gone: true, text: null, sealed: null });
      }
      await tx.objectStore("meta").put(meta, META);
      await tx.done;
    });
  }

  /** Erased records of which a pack may still hold an older copy. */
  async erased_rows(): Promise<ViewRow[]> {
    return (await this.#dbs.view.use((db) => db.getAll("rows"))).filter((row) => row.erased);
  }

  /** Packs written anew and the rows they were written for; a pack another page has replaced meanwhile stays, and so do the rows. */
  async put_packs(packs: readonly PackRow[], rows: readonly ViewRow[]): Promise<void> {
    await this.#dbs.view.use(async (db) => {
      const tx = db.transaction(["packs", "rows"], "readwrite", { durability: "strict" });
      const held = await Promise.all(packs.map((pack) => tx.objectStore("packs").get([pack.scope, pack.part])));
      const now = await Promise.all(rows.map((row) => tx.objectStore("rows").get(row.id)));
      const same = held.every((pack) => pack !== undefined) && rows.every((row, i) => now[i]?.seq === row.seq);
      if (same) {
        await Promise.all([
          ...packs.map((pack) => tx.objectStore("packs").put(pack)),
          ...rows.map((row) => tx.objectStore("rows").put(row)),
        ]);
      }
      await tx.done;
    });
  }

  row_count(): Promise<number> {
    return this.#dbs.view.use((db) => db.count("rows"));
  }

  /** Rows become packs, or nothing happens: when another page changed one of them meanwhile it stays for next time. */
  async compact(rows: readonly ViewRow[], packs: readonly PackRow[]): Promise<boolean> {
    return this.#dbs.view.use(async (db) => {
      const tx = db.transaction(["packs", "rows"], "readwrite", { durability: "strict" });
      const held = tx.objectStore("rows");
      const now = await Promise.all(rows.map((row) => held.get(row.id)));
      const same = rows.every((row, i) => now[i]?.seq === row.seq && now[i]?.scope === row.scope && !now[i]?.gone);
      const taken = await Promise.all(packs.map((pack) => tx.objectStore("packs").count([pack.scope, pack.part])));
      const free = taken.every((count) => count === 0);
      if (!same || !free) return false;
      await Promise.all([
        ...packs.map((pack) => tx.objectStore("packs").put(pack)),
        ...rows.map((row) => held.delete(row.id)),
        tx.done,
      ]);
      return true;
    });
  }

  async clear(): Promise<void> {
    await this.#dbs.view.use(async (db) => {
      const tx = db.transaction(["packs", "rows", "meta"], "readwrite", { durability: "strict" });
      await Promise.all([
        tx.objectStore("packs").clear(),
        tx.objectStore("rows").clear(),
        tx.objectStore("meta").clear(),
        tx.done,
      ]);
    });
  }

  async put_meta(meta: ViewMeta): Promise<void> {
    await this.#dbs.view.use(async (db) => {
      const tx = db.transaction("meta", "readwrite", { durability: "strict" });
      await Promise.all([tx.store.put(meta, META), tx.done]);
    });
  }
}
