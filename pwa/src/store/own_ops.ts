/**
 * Own ops in memory, by record, and what they say about the delivery of a record.
 * Owns the index only; store/ops_store.ts owns the rows. Must not write.
 * Invariant: a record never reads "delivered" while one of its ops or files is unconfirmed (P-50).
 */
import type { Op } from "../core/op";
import type { Rec } from "../engine_types";
import type { Drawer } from "./drawer";
import type { OpRow } from "./open";

export interface Own {
  row: OpRow;
  /** Bytes to send; null while sealed. */
  line: Uint8Array | null;
  op: Op | null;
}

export class OwnOps {
  #list: Own[] = [];
  #by_rec = new Map<string, Own[]>();

  all(): readonly Own[] {
    return this.#list;
  }

  of(rec: string): readonly Own[] {
    return this.#by_rec.get(rec) ?? [];
  }

  /** Highest n of an incarnation that is in memory. */
  last_n(dev: string): number {
    for (let i = this.#list.length - 1; i >= 0; i -= 1) if (this.#list[i]!.row.dev === dev) return this.#list[i]!.row.n;
    return 0;
  }

  add(more: readonly Own[]): void {
    for (const one of more) {
      this.#list.push(one);
      const list = this.#by_rec.get(one.row.rec);
      if (list === undefined) this.#by_rec.set(one.row.rec, [one]);
      else list.push(one);
    }
  }

  replace(list: readonly Own[]): void {
    this.#list = [];
    this.#by_rec.clear();
    this.add(list);
  }
}

/** Files a record answers for: of its attachments, and those in its own file and track fields. */
export function files_of(rec: Rec, drawer: Drawer): string[] {
  const found = new Set<string>();
  const take = (value: unknown) => {
    const sha = (value as { sha256?: unknown } | null)?.sha256;
    if (typeof sha === "string") found.add(sha);
  };
  for (const values of Object.values(rec.sets)) values.forEach(take);
  if (rec.kind !== "attachment") {
    for (const id of drawer.model.attachments_of(rec.id)) {
      const attachment = drawer.model.rec(id);
      if (attachment === undefined) continue;
      for (const values of Object.values(attachment.sets)) values.forEach(take);
    }
  }
  return [...found];
}

export function decorate(rec: Rec, drawer: Drawer): void {
  const shas = files_of(rec, drawer);
  const waiting = shas.filter((sha) => {
    const upload = drawer.uploads.get(sha);
    return upload !== undefined && upload.state !== "delivered";
  });
  rec.files = { total: shas.length, delivered: shas.length - waiting.length };
  const own = [...drawer.own.of(rec.id)];
  if (rec.kind !== "attachment") for (const id of drawer.model.attachments_of(rec.id)) own.push(...drawer.own.of(id));
  if (own.some((one) => one.row.verdict === "quarantined")) rec.delivery = "returned";
  else if (own.some((one) => drawer.is_pending(one))) rec.delivery = "local";
  else if (rec.disputed.length > 0) rec.delivery = "conflict";
  else rec.delivery = waiting.length > 0 ? "sending" : "delivered";
}
