/**
 * Opening the device's databases, and keeping them open.
 * Owns: names, versions, stores, the reaction to another tab's upgrade, to a connection the browser closed and to a freeze.
 * Must not: know what the rows mean. Invariants: the op store's schema is frozen and append-only (P-25); an upgrade
 * never iterates rows; work meets a closed connection by reopening once, never by losing the write silently; a frozen
 * page holds no transaction open, for that would hold up the writes of every other page.
 */
import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB, unwrap } from "idb";
import type { Ports } from "../ports";
import type { FileSeal } from "./file_vault";
import type { Sealed } from "./keys";
import type { Indexed } from "./pack";
import { Sleep } from "./sleep";

export interface OpRow {
  dev: string;
  n: number;
  h: string;
  /** Bytes exactly as they will be sent; null while sealed. */
  line: Uint8Array | null;
  sealed: Sealed | null;
  rec: string;
  kind: string;
  scope: string;
  at_ms: number;
  saved_ms: number;
  bytes: number;
  /** [id, index, size] of the group, or null. */
  group: [string, number, number] | null;
  verdict: string | null;
  why: string | null;
  /** Its text is gone, here and at the server; number and hash keep its place in the chain (P-43). */
  erased?: true;
}

/** Who this device is in the op log. `n`/`h`: tail; `acked`: stored by the server; `exported`: carried in a rescue file. */
export interface Incarnation {
  dev: string;
  n: number;
  h: string;
  acked: number;
  acked_h: string;
  durable: number;
  exported: number;
}

export interface OpsSchema extends DBSchema {
  ops: { key: [string, number]; value: OpRow };
  meta: { key: string; value: any };
}

export interface PackRow {
  scope: string;
  part: number;
  /** JSON array text of non-personal states. */
  plain: string;
  /** What lies where in `plain` (pack.ts); absent in packs of an earlier version. */
  plain_ids?: Indexed[];
  sealed: Sealed | null;
  /** The same of the sealed part, readable: digests and purge counts stay exact while locked. */
  sealed_ids: ([id: string, seq: number, kind: string] | Indexed)[];
}

export interface ViewRow {
  id: string;
  kind: string;
  scope: string;
  seq: number;
  gone: boolean;
  text: string | null;
  sealed: Sealed | null;
  /** The record was erased, and an older copy of it may still lie in a pack. */
  erased?: true;
  /** May differ (pack.ts); absent in rows of an earlier version: then it may. */
  odd?: boolean;
}

export interface ViewSchema extends DBSchema {
  packs: { key: [string, number]; value: PackRow };
  rows: { key: string; value: ViewRow; indexes: { scope: string } };
  meta: { key: string; value: any };
}

export interface BlobRow {
  /** Of the plain bytes; `size` too. */
  sha256: string;
  /** Sealed as `seal` says; in clear only where an earlier version (without `seal`) wrote the row. */
  blob: Blob;
  thumb: Blob | null;
  mime: string;
  size: number;
  seal?: FileSeal;
}

export interface UploadRow {
  sha256: string;
  size: number;
  mime: string;
  role: string;
  name: string;
  owner: string;
  owner_kind: string;
  state: "pending" | "sending" | "sent" | "delivered" | "held" | "lost" | "dead";
  sent: number;
  url: string | null;
  tries: number;
  next_try: number | null;
  why: string | null;
  created_ms: number;
}

export interface BlobsSchema extends DBSchema {
  blobs: { key: string; value: BlobRow };
  uploads: { key: string; value: UploadRow };
}

export interface DraftsSchema extends DBSchema {
  drafts: { key: string; value: { key: string; text: string | null; sealed: Sealed | null; at: number } };
}

export interface KeysSchema extends DBSchema {
  kv: { key: string; value: any };
}

/** A database that heals its own connection. */
export interface Managed<S extends DBSchema> {
  use<T>(work: (db: IDBPDatabase<S>) => Promise<T>): Promise<T>;
  close(): void;
}

const BLOCKED_MS_MAX = 5_000;

function managed<S extends DBSchema>(
  name: string,
  version: number,
  sleep: Sleep,
  upgrade: (db: IDBPDatabase<S>) => void,
  on_terminated: () => void = () => undefined,
): Managed<S> {
  let opening: Promise<IDBPDatabase<S>> | null = null;

  const forget = () => {
    opening = null;
  };

  function open(): Promise<IDBPDatabase<S>> {
    if (opening !== null) return opening;
    const attempt = new Promise<IDBPDatabase<S>>((resolve, reject) => {
      openDB<S>(name, version, {
        upgrade: (db) => upgrade(db),
        blocked: () => {
          // Another tab holds an old version open; it closes on `versionchange`. Waiting for ever would look like a hang.
          setTimeout(() => reject(new DOMException(`${name} is held by another page`, "TimeoutError")), BLOCKED_MS_MAX);
        },
        blocking: (_current, _blocked, event) => {
          (event.target as IDBDatabase).close();
          forget();
        },
        terminated: () => {
          forget();
          on_terminated();
        },
      }).then((db) => {
        sleep.watch(unwrap(db));
        resolve(db);
      }, reject);
    });
    opening = attempt;
    attempt.catch(forget);
    return attempt;
  }

  return {
    async use(work) {
      const db = await open();
      try {
        return await sleep.through(() => work(db));
      } catch (error) {
        // Only a transaction that never started may be repeated: InvalidStateError comes from `transaction()` itself.
        if (!(error instanceof DOMException) || error.name !== "InvalidStateError") throw error;
        forget();
        const again = await open();
        return sleep.through(() => work(again));
      }
    },
    close() {
      opening?.then((db) => db.close()).catch(() => undefined); // a database that never opened needs no closing
      forget();
    },
  };
}

export interface Databases {
  ops: Managed<OpsSchema>;
  view: Managed<ViewSchema>;
  blobs: Managed<BlobsSchema>;
  drafts: Managed<DraftsSchema>;
  keys: Managed<KeysSchema>;
  /** Called when the browser closed the op store by itself, as it does when it throws the data away. */
  on_terminated: () => void;
  close(): void;
}

export function open_databases(prefix: string, on_freeze: Ports["on_freeze"] = () => () => undefined): Databases {
  const sleep = new Sleep();
  const off = on_freeze(
    () => sleep.freeze(),
    () => sleep.thaw(),
  );
  const make_ops = (db: IDBPDatabase<OpsSchema>) => {
    db.createObjectStore("ops", { keyPath: ["dev", "n"] });
    db.createObjectStore("meta");
  };
  const ops = managed<OpsSchema>(`${prefix}-ops`, 1, sleep, make_ops, () => found.on_terminated());
  const view = managed<ViewSchema>(`${prefix}-view`, 1, sleep, (db) => {
    db.createObjectStore("packs", { keyPath: ["scope", "part"] });
    db.createObjectStore("rows", { keyPath: "id" }).createIndex("scope", "scope");
    db.createObjectStore("meta");
  });
  const blobs = managed<BlobsSchema>(`${prefix}-blobs`, 1, sleep, (db) => {
    db.createObjectStore("blobs", { keyPath: "sha256" });
    db.createObjectStore("uploads", { keyPath: "sha256" });
  });
  const drafts = managed<DraftsSchema>(`${prefix}-drafts`, 1, sleep, (db) => {
    db.createObjectStore("drafts", { keyPath: "key" });
  });
  const keys = managed<KeysSchema>(`${prefix}-keys`, 1, sleep, (db) => {
    db.createObjectStore("kv");
  });
  const all = [ops, view, blobs, drafts, keys];
  const found: Databases = {
    ops,
    view,
    blobs,
    drafts,
    keys,
    on_terminated: () => undefined,
    close: () => {
      off();
      for (const one of all) one.close();
    },
  };
  return found;
}

export type KeysChange = IDBPTransaction<KeysSchema, ["kv"], "readwrite">;

/** One strict transaction on the keys database. */
export function change_keys<T>(dbs: Databases, work: (tx: KeysChange) => Promise<T>): Promise<T> {
  return dbs.keys.use(async (db) => {
    const tx = db.transaction("kv", "readwrite", { durability: "strict" });
    const [found] = await Promise.all([work(tx), tx.done]);
    return found;
  });
}
