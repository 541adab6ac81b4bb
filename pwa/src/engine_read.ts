/**
 * What screens ask of the drawer: the queue, open conflicts, the honest status.
 * Owns the wording-free shapes of engine_types. Pure readers; must not change anything.
 */

import { heads } from "./core/merge_kinds";
import { conflict_id, split_stamp } from "./core/stamp";
import type { CourierState } from "./courier/courier_types";
import type { Conflict, ConflictHead, Held, Queue, QueueFile, QueueOp, Status } from "./engine_types";
import type { Drawer } from "./store/drawer";

const DELIVERED_SHOWN_MAX = 50;
const SEVERITY: Record<string, number> = { transfer: 0, hazard: 1, person: 2 };

export function read_queue(drawer: Drawer): Queue {
  const ops: QueueOp[] = [];
  let delivered = 0;
  const own = drawer.own.all();
  for (let i = own.length - 1; i >= 0; i -= 1) {
    const one = own[i]!;
    const { row } = one;
    const pending = drawer.is_pending(one);
    const flying = drawer.flying !== null && pending && row.n >= drawer.flying[0] && row.n <= drawer.flying[1];
    const state = row.verdict === "quarantined" ? "returned" : flying ? "sending" : pending ? "local" : "delivered";
    if (state === "delivered") {
      delivered += 1;
      if (delivered > DELIVERED_SHOWN_MAX) continue;
    }
    ops.push({
      n: row.n,
      rec: row.rec,
      kind: row.kind,
      title: title_of(drawer, row.rec, row.kind),
      state,
      why: row.why,
      at: row.at_ms,
      bytes: row.bytes,
    });
  }
  const files: QueueFile[] = [...drawer.uploads.values()]
    .sort((a, b) => a.size - b.size)
    .map(({ sha256, name, mime, size, sent, state, why, next_try, owner, owner_kind }) => ({
      sha256,
      name,
      mime,
      size,
      sent,
      state,
      why,
      next_try,
      owner,
      owner_kind,
    }));
  const count = (state: QueueOp["state"]) => ops.filter((op) => op.state === state).length;
  const count_files = (...states: QueueFile["state"][]) => files.filter((file) => states.includes(file.state)).length;
  return {
    ops,
    files,
    counts: {
      waiting: count("local") + count_files("pending", "held"),
      sending: count("sending") + count_files("sending", "sent"),
      attention: count("returned") + count_files("dead", "lost"),
      delivered: delivered + count_files("delivered"),
    },
  };
}

/** What people call a record: its title field, else its short code, else the kind's own name. */
export function title_of(drawer: Drawer, rec: string, kind: string): string {
  const declared = drawer.ports.kinds[kind];
  const shown = drawer.model.rec(rec);
  const text = shown?.v[declared?.title_field ?? ""] ?? shown?.v.code;
  return typeof text === "string" && text !== "" ? text : (declared?.zh ?? kind);
}

export function read_conflicts(drawer: Drawer): Conflict[] {
  const found: Conflict[] = [];
  for (const id of drawer.model.suspects()) {
    const rec = drawer.model.rec(id);
    for (const field of rec?.disputed ?? []) {
      const { kind, scope } = rec!;
      found.push({ id: conflict_id(id, field), rec: id, kind, scope, field, heads: heads_of(drawer, id, field) });
    }
  }
  return found.sort((a, b) => (SEVERITY[a.kind] ?? 9) - (SEVERITY[b.kind] ?? 9) || (a.id < b.id ? -1 : 1));
}

function heads_of(drawer: Drawer, rec: string, field: string): ConflictHead[] {
  const record = drawer.model.folded(rec);
  if (record === undefined) return [];
  const own_devs = new Set(drawer.own.all().map((one) => one.row.dev));
  const finish = (stamp: string, value: unknown, user: string, at: number): ConflictHead => {
    const [dev, n] = split_stamp(stamp);
    const own = drawer.own.of(rec).find((one) => one.row.dev === dev && one.row.n === n);
    return {
      stamp,
      value,
      user,
      at,
      prev: own?.op?.fields[field]?.p ?? null,
      dev,
      mine: own_devs.has(dev) || dev === drawer.self?.dev,
    };
  };
  if (field === "life") {
    return record.life.map(([stamp, value]) => finish(stamp, value, ...(record.meta.get(stamp) ?? ["", 0])));
  }
  const counter = record.ctr.get(field);
  if (counter !== undefined) {
    return counter.counts.map(([stamp, value]) => finish(stamp, value, ...(record.meta.get(stamp) ?? ["", 0])));
  }
  return heads(record, field).map((head) => finish(head.stamp, head.value, head.user, head.at));
}

/** What a file is to a person: by its type, never by its name. */
export function sort_of_mime(mime: string): Exclude<keyof Held, "records"> {
  if (mime.startsWith("image/")) return "photos";
  return mime.startsWith("audio/") ? "audio" : "tracks";
}

/** A photo is counted as a photo, not once more as the record that describes it, unless nothing else is left of it. */
export function read_held(drawer: Drawer): Held {
  const recs = { own: new Set<string>(), attached: new Set<string>() };
  for (const one of drawer.own.all()) {
    if (drawer.is_pending(one)) recs[one.row.kind === "attachment" ? "attached" : "own"].add(one.row.rec);
  }
  const held: Held = { records: recs.own.size, photos: 0, tracks: 0, audio: 0 };
  for (const row of drawer.uploads.values()) if (row.state !== "delivered") held[sort_of_mime(row.mime)] += 1;
  if (held.records + held.photos + held.audio === 0) held.records = recs.attached.size;
  return held;
}

export function read_status(
  drawer: Drawer,
  courier: CourierState,
  extra: { persisted: boolean; storage: Status["storage"]; conflicts: number },
): Status {
  const waiting = [...drawer.uploads.values()].filter((row) => row.state !== "delivered");
  const dead = waiting.filter((row) => row.state === "dead" || row.state === "lost").length;
  const pending_ops = drawer.pending();
  const returned = drawer.own.all().filter((one) => one.row.verdict === "quarantined").length;
  const attention =
    courier.attention ??
    (drawer.lost > 0
      ? "lost"
      : returned > 0
        ? "returned"
        : dead > 0
          ? "file_dead"
          : extra.conflicts > 0
            ? "conflict"
            : null);
  const sending = courier.busy && (drawer.flying !== null || courier.progress !== null);
  return {
    online: courier.online,
    phase: sending
      ? "sending"
      : !courier.online
        ? "offline"
        : attention !== null && attention !== "conflict"
          ? "attention"
          : "idle",
    pending_ops,
    pending_files: waiting.length,
    pending_bytes: waiting.reduce((sum, row) => sum + Math.max(0, row.size - row.sent), 0),
    held: read_held(drawer),
    last_contact_ms: courier.last_contact_ms,
    next_try_ms: courier.next_try_ms,
    returned,
    conflicts: extra.conflicts,
    skew_s: courier.skew_s,
    persisted: extra.persisted,
    lost: drawer.lost,
    storage: extra.storage,
    data_as_of_ms: drawer.meta.as_of_ms,
    snapshot_progress: courier.progress,
    attention,
  };
}

/** What the device says of itself with every sync request (contract §7). */
export function read_status_header(drawer: Drawer, persisted: boolean): Record<string, unknown> {
  const waiting = [...drawer.uploads.values()].filter((row) => row.state !== "delivered");
  const oldest = drawer.own.all().find((one) => drawer.is_pending(one));
  return {
    pending: drawer.pending(),
    oldest: oldest === undefined ? null : drawer.ports.iso(oldest.row.at_ms),
    files: waiting.length,
    bytes: waiting.reduce((sum, row) => sum + Math.max(0, row.size - row.sent), 0),
    lost: drawer.lost,
    persisted,
    battery: drawer.ports.battery(),
  };
}
