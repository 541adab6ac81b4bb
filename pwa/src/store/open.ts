/**
 * Opening the device's databases, and keeping them open.
 * Owns: names, versions, stores, the reaction to another tab's upgrade and to a connection the browser closed.
 * Must not: know what the rows mean. Invariants: the op store's schema is frozen and append-only (P-25); an upgrade
 * never iterates rows; work meets a closed connection by reopening once, never by losing the write silently.
 */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { FileSeal } from "./file_vault";
import type { Sealed } from "./keys";

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
  sealed: Sealed | null;
  /** [id, seq, kind] of the sealed part: digests and purge counts stay exact while locked. */
  sealed_ids: [id: string, seq: number, kind: string][];
}

export interface ViewRow {
  id: string;
  kind: string;
  scope: string;
  seq: number;
  gone: boolean;
  text: string | null;
  sealed: Sealed | null;
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
  upgrade: (db: IDBPDatabase<S>) => void,
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
        terminated: forget,
      }).then(resolve, reject);
    });
    opening = attempt;
    attempt.catch(forget);
    return attempt;
  }

  return {
    async use(work) {
      const db = await open();
      try {
        return await work(db);
      } catch (error) {
        // Only a transaction that never started may be repeated: InvalidStateError comes from `transaction()` itself.
        if (!(error instanceof DOMException) || error.name !== "InvalidStateError") throw error;
        forget();
        return work(await open());
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
  close(): void;
}

export function open_databases(prefix: string): Databases {
  const ops = managed<OpsSchema>(`${prefix}-ops`, 1, (db) => {
    db.createObjectStore("ops", { keyPath: ["dev", "n"] });
    db.createObjectStore("meta");
  });
  const view = managed<ViewSchema>(`${prefix}-view`, 1, (db) => {
    db.createObjectStore("packs", { keyPath: ["scope", "part"] });
    db.createObjectStore("rows", { keyPath: "id" }).createIndex("scope", "scope");
    db.createObjectStore("meta");
  });
  const blobs = managed<BlobsSchema>(`${prefix}-blobs`, 1, (db) => {
    db.createObjectStore("blobs", { keyPath: "sha256" });
    db.createObjectStore("uploads", { keyPath: "sha256" });
  });
  const drafts = managed<DraftsSchema>(`${prefix}-drafts`, 1, (db) => {
    db.createObjectStore("drafts", { keyPath: "key" });
  });
  const keys = managed<KeysSchema>(`${prefix}-keys`, 1, (db) => {
    db.createObjectStore("kv");
  });
  const all = [ops, view, blobs, drafts, keys];
  return {
    ops,
    view,
    blobs,
    drafts,
    keys,
    close: () => {
      for (const one of all) one.close();
    },
  };
}
