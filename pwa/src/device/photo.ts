/**
 * Photos on their way into the drawer. Owns the worker and what happens when it cannot read a picture.
 * Invariant: a picture that cannot be made smaller is kept as it is; evidence is never refused.
 */
import type { PreparedPhoto } from "../ports";
import type { PhotoFacts } from "./exif";

interface Answer {
  id: number;
  photo?: Blob;
  thumb?: Blob;
  width?: number;
  height?: number;
  facts?: PhotoFacts;
  error?: string;
}

let worker: Worker | null = null;
let next_id = 0;
const waiting = new Map<number, (answer: Answer) => void>();

function start_worker(): Worker {
  const made = new Worker(new URL("./photo_worker.ts", import.meta.url), { type: "module" });
  made.onmessage = (event: MessageEvent<Answer>) => {
    waiting.get(event.data.id)?.(event.data);
    waiting.delete(event.data.id);
  };
  made.onerror = () => {
    for (const [id, settle] of waiting) settle({ id, error: "worker failed" });
    waiting.clear();
    worker = null;
  };
  return made;
}

export async function prepare_photo(blob: Blob): Promise<PreparedPhoto> {
  worker ??= start_worker();
  next_id += 1;
  const id = next_id;
  const answer = await new Promise<Answer>((resolve) => {
    waiting.set(id, resolve);
    worker!.postMessage({ id, blob });
  });
  const facts = answer.facts ?? { taken_at: null, point: null };
  return {
    photo: answer.photo ?? blob,
    thumb: answer.thumb ?? null,
    width: answer.width ?? 0,
    height: answer.height ?? 0,
    taken_at: facts.taken_at,
    point: facts.point,
  };
}
