/**
 * The queue as people think of it: one row per record, per set of photos, per track, with what it consists of under it.
 * Owns the grouping only. Pure; must not word anything or ask the engine.
 * Invariants: an attachment belongs to the record it was taken for; a row stands in one group, its parts share its state.
 */
import { sort_of_mime } from "../../engine_read";
import type { Held, Queue, QueueFile, QueueOp } from "../../engine_types";

export type Group = "attention" | "sending" | "waiting" | "delivered";
export const GROUPS = ["attention", "sending", "waiting", "delivered"] as const satisfies readonly Group[];
export interface QueueRow {
  key: string;
  group: Group;
  /** The record it is about. */
  rec: string;
  sort: keyof Held;
  ops: QueueOp[];
  files: QueueFile[];
}

export function group_of_op(op: QueueOp): Group {
  if (op.state === "returned") return "attention";
  return op.state === "local" ? "waiting" : op.state;
}

export function group_of_file(file: QueueFile): Group {
  // "held" waits for its next try by itself (no network, a busy server): normal, nothing for a person to do.
  if (file.state === "lost" || file.state === "dead") return "attention";
  if (file.state === "sending" || file.state === "sent") return "sending";
  return file.state === "delivered" ? "delivered" : "waiting";
}

/** `owner_of(op)`: the record an op is about, for an attachment the one it was taken for. */
export function queue_rows(queue: Queue, owner_of: (op: QueueOp) => string): QueueRow[] {
  const rows = new Map<string, QueueRow>();
  const row_of = (group: Group, rec: string, sort: keyof Held): QueueRow => {
    const key = `${group}|${rec}|${sort}`;
    const found = rows.get(key) ?? { key, group, rec, sort, ops: [], files: [] };
    rows.set(key, found);
    return found;
  };
  for (const op of queue.ops) row_of(group_of_op(op), owner_of(op), "records").ops.push(op);
  for (const file of queue.files) row_of(group_of_file(file), file.owner, sort_of_mime(file.mime)).files.push(file);
  return [...rows.values()];
}
