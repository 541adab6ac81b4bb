/**
 * Takes a snapshot apart away from the main thread: parsing and hashing 20,000 records would hold up every tap.
 * Owns one message protocol: {body, open} in; {part} per pack, then {done} or {error} out. One worker, one snapshot.
 */
import { unpack } from "../store/unpack";

self.onmessage = async (event: MessageEvent<{ body: Blob; open: string[] }>) => {
  const { body, open } = event.data;
  try {
    for await (const part of unpack(body, open)) {
      self.postMessage({ part }, { transfer: part.personal === null ? [] : [part.personal.buffer] });
    }
    self.postMessage({ done: true });
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
};
