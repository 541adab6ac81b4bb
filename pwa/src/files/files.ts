/**
 * Files as screens meet them: attach a photo, keep a track chunk, read one back, carry everything away.
 * Owns the step from a Blob to a stored, hashed, queued file and its attachment draft. Must not write ops itself.
 * Invariant: the blob is on disk, strictly, before the op that mentions it is made.
 */
import { hex, sha256_hex } from "../core/stamp";
import type { Transport } from "../courier/transport";
import { add } from "../desk";
import type { AttachmentInfo, Draft } from "../engine_types";
import type { Ports } from "../ports";
import type { Drawer } from "../store/drawer";
import type { UploadRow } from "../store/open";
import { believed } from "./believed";
import { make_rescue, type RescueOp } from "./rescue";
import { UploadQueue } from "./upload_queue";

const decoder = new TextDecoder();

export interface KeepInfo {
  role: string;
  mime: string;
  owner: string;
  owner_kind: string;
  name?: string;
}

export class Files {
  readonly queue: UploadQueue;
  #ports: Ports;
  #drawer: Drawer;
  #transport: Transport;

  constructor(
    ports: Ports,
    drawer: Drawer,
    transport: Transport,
    where: { base(): string; token(): string | null },
    changed: (recs: string[]) => void,
  ) {
    this.#ports = ports;
    this.#drawer = drawer;
    this.#transport = transport;
    const { now, jitter, set_timer, upload } = ports;
    this.queue = new UploadQueue({
      blobs: drawer.blobs,
      rows: drawer.uploads,
      transport,
      upload,
      base: where.base,
      token: where.token,
      now,
      jitter,
      set_timer,
      // The photo is a record of its own: its tile has to say the same as the record it belongs to.
      changed: (row) => {
        if (row.state !== "sending") drawer.remember();
        changed([row.owner, ...drawer.model.attachments_of(row.owner)]);
      },
    });
  }

  async keep(blob: Blob, thumb: Blob | null, info: KeepInfo): Promise<{ sha256: string; size: number }> {
    const sha256 = hex(new Uint8Array(await this.#ports.subtle.digest("SHA-256", await blob.arrayBuffer())));
    const upload: UploadRow = {
      sha256,
      size: blob.size,
      mime: info.mime,
      role: info.role,
      name: info.name ?? "",
      owner: info.owner,
      owner_kind: info.owner_kind,
      state: "pending",
      sent: 0,
      url: null,
      tries: 0,
      next_try: null,
      why: null,
      created_ms: this.#ports.now(),
    };
    const row = await this.#drawer.with_room(() => this.#drawer.blobs.keep(blob, thumb, upload));
    this.#drawer.uploads.set(sha256, row);
    this.#drawer.remember();
    return { sha256, size: blob.size };
  }

  /** Photos are made smaller first; other files are kept as they are. */
  async attach(owner_kind: string, owner: string, blob: Blob, info: AttachmentInfo, user: string): Promise<Draft> {
    const prepared = blob.type.startsWith("image/") ? await this.#ports.prepare_photo(blob) : null;
    const kept = prepared?.photo ?? blob;
    const mime = kept.type || "application/octet-stream";
    const { sha256, size } = await this.keep(kept, prepared?.thumb ?? null, {
      role: info.role,
      mime,
      owner,
      owner_kind,
    });
    const scope = info.scope ?? this.#drawer.model.rec(owner)?.scope;
    const point = info.point ?? prepared?.point ?? undefined;
    return {
      kind: "attachment",
      ...(scope === undefined ? {} : { scope }),
      f: {
        owner_kind,
        owner,
        role: info.role,
        file: add({ sha256, size, mime, role: info.role }),
        caption: info.caption,
        taken_at:
          info.taken_at ??
          believed(prepared?.taken_at ?? null, this.#ports.now()) ??
          this.#ports.iso(this.#ports.now()),
        point,
        taken_by: user,
      },
    };
  }

  async read(sha256: string, variant?: "thumb" | "preview"): Promise<Blob | null> {
    if (!this.#drawer.keys.unlocked) return null;
    const held = await this.#drawer.blobs.open(sha256, variant === "thumb" ? "thumb" : "body");
    if (held instanceof Blob) return held;
    const query = variant === undefined ? "" : `?variant=${variant}`;
    try {
      return await (await this.#transport.send(`/api/v1/files/${sha256}${query}`)).blob();
    } catch {
      return null; // offline or not there yet: the screen shows a placeholder and asks again when shown again
    }
  }

  async rescue(
    device_id: string | null,
    sign: (bytes: Uint8Array<ArrayBuffer>) => Promise<string | null>,
  ): Promise<Blob> {
    const drawer = this.#drawer;
    const self = drawer.self!;
    const pending = drawer.own
      .all()
      .filter((one) => drawer.is_pending(one) || (one.row.dev !== self.dev && one.row.verdict === null));
    pending.sort((a, b) => (a.row.dev < b.row.dev ? -1 : a.row.dev > b.row.dev ? 1 : a.row.n - b.row.n));
    const ops: RescueOp[] = [];
    for (const { row, line } of pending)
      if (line !== null) ops.push({ dev: row.dev, n: row.n, h: row.h, line: decoder.decode(line) });
    const uploads = [...drawer.uploads.values()].filter((row) => row.state !== "delivered");
    const files: { sha256: string; blob: Blob }[] = [];
    for (const row of uploads) {
      const held = await drawer.blobs.open(row.sha256);
      if (held instanceof Blob) files.push({ sha256: row.sha256, blob: held });
    }
    const rescue = await make_rescue(
      ops,
      {
        format: "xunan-rescue",
        version: 1,
        made_at: this.#ports.iso(this.#ports.now()),
        device_id,
        dev: self.dev,
        from: self.acked + 1,
        prev_h: self.acked_h,
        sealed_left_behind: pending.length - ops.length,
        files: uploads.map(({ sha256, size, mime, role, name }) => ({ sha256, size, mime, role, name })),
      },
      files,
      sha256_hex,
      sign,
    );
    const last = ops.filter((op) => op.dev === self.dev).at(-1);
    if (last !== undefined) await drawer.ops.mark_exported(self.dev, last.n);
    return rescue;
  }
}
