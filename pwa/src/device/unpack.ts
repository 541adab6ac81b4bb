/**
 * Snapshots taken apart in a worker. Owns the worker's life: it starts with a snapshot and ends with it.
 * Invariant: where no worker can run the page does the same work itself; what the worker cannot read is an error here too.
 */
import { type Unpack, type Unpacked, unpack } from "../store/unpack";

type Answer = { part: Unpacked } | { done: true } | { error: string };
type Outcome = Answer | { broken: true };

export const unpack_away: Unpack = async function* (body, open) {
  const worker = new Worker(new URL("./unpack_worker.ts", import.meta.url), { type: "module" });
  const came: Outcome[] = [];
  let wake: () => void = () => undefined;
  const take = (outcome: Outcome) => {
    came.push(outcome);
    wake();
  };
  worker.onmessage = (event: MessageEvent<Answer>) => take(event.data);
  worker.onerror = () => take({ broken: true });
  let given = 0;
  try {
    worker.postMessage({ body, open });
    for (;;) {
      const next = came.shift();
      if (next === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else if ("part" in next) {
        given += 1;
        yield next.part;
      } else if ("broken" in next && given === 0) {
        yield* unpack(body, open);
        return;
      } else if ("done" in next) return;
      else throw new Error("error" in next ? next.error : "the worker stopped");
    }
  } finally {
    worker.terminate();
  }
};
