/**
 * First sync and refetch: whole scopes as pre-compressed packs (P-29).
 * Owns the order (town first, then stations, then events by size) and the reading of one snapshot as a stream.
 * Must not hold a whole town in memory as text, and must not set the cursor before every asked scope is complete.
 */
import type { WireState } from "../core/op";
import type { Transport } from "./transport";
import type { SnapshotItem, SnapshotList } from "./wire";

export interface SnapshotSink {
  import_snapshot(scope: string, packs: readonly WireState[][]): Promise<void>;
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
    const packs = await read_packs(response, (count) => on_progress({ scope: item.scope, done: done + count, total }));
    await sink.import_snapshot(item.scope, packs);
    done += item.count;
  }
  await sink.set_cursor(list.cursor);
}

async function read_packs(response: Response, on_count: (count: number) => void): Promise<WireState[][]> {
  const packs: WireState[][] = [];
  let header = true;
  let count = 0;
  for await (const line of lines_of(response)) {
    if (header) {
      header = false;
      continue;
    }
    const pack = JSON.parse(line) as WireState[];
    packs.push(pack);
    count += pack.length;
    on_count(count);
  }
  return packs;
}

/** Lines of a body, gunzipped here when the server sent the stored bytes without Content-Encoding. */
async function* lines_of(response: Response): AsyncGenerator<string> {
  if (response.body === null) return;
  const reader = (await plain_stream(response)).pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    rest += value;
    let end = rest.indexOf("\n");
    while (end >= 0) {
      if (end > 0) yield rest.slice(0, end);
      rest = rest.slice(end + 1);
      end = rest.indexOf("\n");
    }
  }
  if (rest.length > 0) yield rest;
}

async function plain_stream(response: Response): Promise<ReadableStream<BufferSource>> {
  const blob = await response.blob();
  const magic = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
  const stream = blob.stream() as unknown as ReadableStream<BufferSource>;
  if (magic[0] !== 0x1f || magic[1] !== 0x8b) return stream;
  return stream.pipeThrough(new DecompressionStream("gzip")) as unknown as ReadableStream<BufferSource>;
}
