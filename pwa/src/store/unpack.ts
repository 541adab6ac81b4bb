/**
 * A downloaded snapshot, taken apart (P-29): personal states from the others, each with its place, the digest of all.
 * Owns the reading of the stream. Pure apart from that, so that it runs in a worker (device/unpack_worker.ts) and in tests.
 * Must not know keys or storage. Invariant: a state's text is what JSON makes of it, nothing is left out or added.
 */
import type { WireState } from "../core/op";
import { digest64, xor_hex } from "../core/stamp";
import { EMPTY_DIGEST, type ScopeDigest } from "./digest";
import { type Indexed, join_states, type Stated, state_of } from "./pack";

export interface Unpacked {
  plain: string;
  plain_ids: Indexed[];
  /** UTF-8, ready to be sealed; null when there is nothing personal. */
  personal: Uint8Array<ArrayBuffer> | null;
  personal_ids: Indexed[];
  /** Records the town erased: what else of them is here must go too (P-43). */
  erased: WireState[];
  digest: ScopeDigest;
}

/** Takes a snapshot's body apart, one pack after the other; `open` names the kinds that may lie in clear, all others are sealed. */
export type Unpack = (body: Blob, open: readonly string[]) => AsyncIterable<Unpacked>;

export async function* unpack(body: Blob, open: readonly string[]): AsyncGenerator<Unpacked> {
  let header = true;
  for await (const line of lines_of(body)) {
    if (!header) yield unpack_line(line, open);
    header = false;
  }
}

const encoder = new TextEncoder();

function unpack_line(line: string, kinds: readonly string[]): Unpacked {
  const plain: Stated[] = [];
  const personal: Stated[] = [];
  const erased: WireState[] = [];
  let xor = EMPTY_DIGEST.xor;
  for (const wire of JSON.parse(line) as WireState[]) {
    const state = state_of(wire);
    if (wire.erased !== undefined) erased.push(wire);
    (kinds.includes(state.kind) ? plain : personal).push(state);
    xor = xor_hex(xor, digest64(state.id, state.seq));
  }
  const open = join_states(plain);
  const closed = join_states(personal);
  return {
    plain: open.text,
    plain_ids: open.ids,
    personal: personal.length === 0 ? null : encoder.encode(closed.text),
    personal_ids: closed.ids,
    erased,
    digest: { count: plain.length + personal.length, xor },
  };
}

/** Lines of a body, gunzipped here when the server sent the stored bytes without Content-Encoding. */
async function* lines_of(body: Blob): AsyncGenerator<string> {
  const reader = (await plain_stream(body)).pipeThrough(new TextDecoderStream()).getReader();
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

async function plain_stream(blob: Blob): Promise<ReadableStream<BufferSource>> {
  const magic = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
  const stream = blob.stream() as unknown as ReadableStream<BufferSource>;
  if (magic[0] !== 0x1f || magic[1] !== 0x8b) return stream;
  return stream.pipeThrough(new DecompressionStream("gzip")) as unknown as ReadableStream<BufferSource>;
}
