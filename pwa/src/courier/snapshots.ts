/**
 * First sync and refetch: whole scopes as pre-compressed packs (P-29).
 * Owns the order (town first, then stations, then events by size).
 * Must not look into a snapshot, and must not set the cursor before every asked scope is complete.
 */
import type { Transport } from "./transport";
import type { SnapshotItem, SnapshotList } from "./wire";

export interface SnapshotSink {
  /** Takes the body apart and keeps it; `on_count` hears how many records were read so far. */
  import_snapshot(scope: string, body: Blob, on_count: (count: number) => void): Promise<void>;
  set_cursor(cursor: string): Promise<void>;
}

export type Progress = (progress: { scope: string; done: number; total: number }) => void;

const urgency = (scope: string): number => (scope.startsWith("station:") ? 0 : scope.startsWith("event:") ? 1 : 2);

/** Most urgent first: own station's work, running events, then the town's reference data. */
export function plan_order(items: readonly SnapshotItem[]): SnapshotItem[] {
  return [...items].sort((a, b) => urgency(a.scope) - urgency(b.scope) || a.bytes - b.bytes);
}

export async function load_snapshots(
  transport: Transport,
  sink: SnapshotSink,
  only: readonly string[] | null,
  narrowed: readonly string[] | null,
  on_progress: Progress,
): Promise<void> {
  const query = narrowed === null ? "" : `?scopes=${encodeURIComponent(narrowed.join(","))}`;
  const list = await transport.get_json<SnapshotList>(`/api/v1/snapshots${query}`);
  const wanted = plan_order(list.scopes).filter((item) => {
    if (only !== null) return only.includes(item.scope);
    return narrowed === null || narrowed.includes(item.scope);
  });
  const total = wanted.reduce((sum, item) => sum + item.count, 0);
  let done = 0;
  for (const item of wanted) {
    on_progress({ scope: item.scope, done, total });
    const response = await transport.send(item.url || `/api/v1/snapshots/${encodeURIComponent(item.scope)}`);
    const told = (count: number) => on_progress({ scope: item.scope, done: done + count, total });
    await sink.import_snapshot(item.scope, await response.blob(), told);
    done += item.count;
  }
  await sink.set_cursor(list.cursor);
}
