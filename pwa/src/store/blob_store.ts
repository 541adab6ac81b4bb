/**
 * Photos, tracks and other binaries on this device, and the state of their delivery.
 * Owns rows and their sealing at rest; files/upload_queue.ts decides what happens next. Invariants: a blob and its
 * upload row commit together, strictly, before the record that mentions them says "saved"; nothing new is written in
 * clear; rows of an earlier version, in clear, are read as they are and sealed after the next unlock; only a file that the
 * server confirmed gives way when there is no room.
 */
import type { FilePart, FileVault } from "./file_vault";
import type { BlobRow, Databases, UploadRow } from "./open";
import { is_full } from "./room";

/** Files that give way before the write is tried again. */
const DROPPED_AT_ONCE = 10;

/** "locked": held here, but its key needs a person. */
export type Opened = Blob | "locked" | undefined;

export class BlobStore {
  #dbs: Databases;
  #vault: FileVault;

  constructor(dbs: Databases, vault: FileVault) {
    this.#dbs = dbs;
    this.#vault = vault;
  }

  async keep(blob: Blob, thumb: Blob | null, upload: UploadRow): Promise<UploadRow> {
    const { sha256, mime, size } = upload;
    const row: BlobRow = { sha256, mime, size, ...(await this.#vault.seal(sha256, blob, thumb)) };
    return this.#dbs.blobs.use(async (db) => {
      const tx = db.transaction(["blobs", "uploads"], "readwrite", { durability: "strict" });
      const known = await tx.objectStore("uploads").get(sha256);
      await tx.objectStore("blobs").put(row);
      const next = known !== undefined && known.state !== "lost" && known.state !== "dead" ? known : upload;
      await tx.objectStore("uploads").put(next);
      await tx.done;
      return next;
    });
  }

  /** The plain bytes of a file; its thumbnail where there is one. Damaged bytes are as good as none; the row stays. */
  async open(sha256: string, part: FilePart = "body"): Promise<Opened> {
    const row = await this.#dbs.blobs.use((db) => db.get("blobs", sha256));
    if (row === undefined) return undefined;
    const which = part === "thumb" && row.thumb !== null ? "thumb" : "body";
    const held = which === "thumb" ? row.thumb! : row.blob;
    if (row.seal === undefined) return held;
    const type = which === "thumb" ? "image/jpeg" : row.mime;
    try {
      return (await this.#vault.open(sha256, held, which, row.seal, type)) ?? "locked";
    } catch (error) {
      if (error instanceof DOMException && error.name === "OperationError") return undefined;
      throw error;
    }
  }

  /** After unlocking: keep at hand the keys of files that still have to leave. */
  async hold(leaving: Iterable<string>): Promise<void> {
    for (const sha256 of leaving) {
      const row = await this.#dbs.blobs.use((db) => db.get("blobs", sha256));
      if (row?.seal !== undefined) await this.#vault.hold(sha256, row.seal);
    }
  }

  forget(leaving: ReadonlySet<string>): void {
    this.#vault.forget(leaving);
  }

  /** Seal what an earlier version stored in clear. Gives how many rows it sealed; a kill in between loses nothing. */
  async seal_old(): Promise<number> {
    let done = 0;
    for (const sha256 of await this.#dbs.blobs.use((db) => db.getAllKeys("blobs"))) {
      const row = await this.#dbs.blobs.use((db) => db.get("blobs", sha256));
      if (row === undefined || row.seal !== undefined) continue;
      const sealed: BlobRow = { ...row, ...(await this.#vault.seal(sha256, row.blob, row.thumb)) };
      await this.#dbs.blobs.use(async (db) => {
        const tx = db.transaction("blobs", "readwrite", { durability: "strict" });
        const now = await tx.store.get(sha256);
        if (now !== undefined && now.seal === undefined) await tx.store.put(sealed);
        await tx.done;
      });
      done += 1;
    }
    return done;
  }

  uploads(): Promise<UploadRow[]> {
    return this.#dbs.blobs.use((db) => db.getAll("uploads"));
  }

  /** Without room the state holds until the app is started again; a file that has arrived leaves room instead. */
  async put_upload(row: UploadRow): Promise<void> {
    try {
      await this.#dbs.blobs.use((db) => db.put("uploads", row));
    } catch (error) {
      if (!is_full(error)) throw error;
      if (row.state === "delivered") await this.drop(row.sha256);
    }
  }

  /** Room for new work: the oldest files the server confirmed go, it gives them back when asked. Gives how many went. */
  async make_room(): Promise<number> {
    const held = new Set(await this.#dbs.blobs.use((db) => db.getAllKeys("blobs")));
    const confirmed = (await this.uploads()).filter((row) => row.state === "delivered" && held.has(row.sha256));
    confirmed.sort((a, b) => a.created_ms - b.created_ms);
    const gone = confirmed.slice(0, DROPPED_AT_ONCE);
    for (const { sha256 } of gone) await this.drop(sha256);
    return gone.length;
  }

  /** Both rows: one left saying "pending" would look like a loss. */
  async drop(sha256: string): Promise<void> {
    await this.#dbs.blobs.use(async (db) => {
      const tx = db.transaction(["blobs", "uploads"], "readwrite", { durability: "strict" });
      await Promise.all([tx.objectStore("blobs").delete(sha256), tx.objectStore("uploads").delete(sha256), tx.done]);
    });
  }
}
