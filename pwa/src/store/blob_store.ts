/**
 * Photos, tracks and other binaries on this device, and the state of their delivery.
 * Owns rows only; files/upload_queue.ts decides what happens next. Invariant: a blob and its upload row commit
 * together, strictly, before the record that mentions them says "saved".
 */
import type { BlobRow, Databases, UploadRow } from "./open";

export class BlobStore {
  #dbs: Databases;

  constructor(dbs: Databases) {
    this.#dbs = dbs;
  }

  async keep(blob: BlobRow, upload: UploadRow): Promise<UploadRow> {
    return this.#dbs.blobs.use(async (db) => {
      const tx = db.transaction(["blobs", "uploads"], "readwrite", { durability: "strict" });
      const known = await tx.objectStore("uploads").get(upload.sha256);
      await tx.objectStore("blobs").put(blob);
      const row = known !== undefined && known.state !== "lost" && known.state !== "dead" ? known : upload;
      await tx.objectStore("uploads").put(row);
      await tx.done;
      return row;
    });
  }

  blob(sha256: string): Promise<BlobRow | undefined> {
    return this.#dbs.blobs.use((db) => db.get("blobs", sha256));
  }

  uploads(): Promise<UploadRow[]> {
    return this.#dbs.blobs.use((db) => db.getAll("uploads"));
  }

  async put_upload(row: UploadRow): Promise<void> {
    await this.#dbs.blobs.use((db) => db.put("uploads", row));
  }
}
