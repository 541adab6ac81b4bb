/**
 * One engine per origin: whoever holds the Web Lock syncs, the other tabs follow over a BroadcastChannel.
 * Owns the lock and the channel. Must not know what is synced. Invariants (property 17): two tabs never sync at once;
 * when the leader's tab dies the browser hands the lock to the next; a tab that is frozen gives it back by itself, for a
 * lock nobody can work under would hold up everybody's work.
 */
import type { Ports } from "../ports";

export type Note =
  | { t: "wake"; carried: { user: string; token: string } | null }
  | { t: "lead" }
  | { t: "ops" }
  | { t: "page" }
  | { t: "uploads" }
  | { t: "session" }
  | { t: "status"; status: unknown };

export interface Leader {
  readonly leading: boolean;
  tell(note: Note): void;
  close(): void;
}

export interface Turn {
  lead(): void;
  /** Break off: another tab may go on from here. Resolves when nothing runs any more. */
  rest(): Promise<unknown>;
  /** Read again what others did meanwhile. */
  rise(): Promise<unknown>;
  note(note: Note): void;
}

export function take_lead(ports: Pick<Ports, "locks" | "channel" | "db_prefix" | "on_freeze">, turn: Turn): Leader {
  const channel = ports.channel(`${ports.db_prefix}-courier`);
  let leading = false;
  let closed = false;
  let freezes = 0;
  let release: () => void = () => undefined;
  let stop = new AbortController();
  let resting: Promise<unknown> = Promise.resolve();
  if (channel !== null) channel.onmessage = (event: MessageEvent) => turn.note(event.data as Note);

  const lead = () => {
    if (closed) return Promise.resolve();
    leading = true;
    turn.lead();
    return new Promise<void>((resolve) => {
      release = resolve;
    });
  };
  const ask = () => {
    if (closed || leading) return;
    stop.abort(); // one place in the queue, or the one nobody knows of is granted to a page that is frozen
    stop = new AbortController();
    if (ports.locks === null) void lead();
    else {
      ports.locks.request(`${ports.db_prefix}-sync`, { signal: stop.signal }, lead).catch(() => {
        // Aborted because this tab closes or freezes while still waiting for its turn.
      });
    }
  };
  const give_up = () => {
    leading = false;
    stop.abort();
    release();
  };
  const off = ports.on_freeze(
    () => {
      freezes += 1;
      give_up();
      resting = turn.rest();
    },
    () => {
      const seen = freezes;
      void resting.then(() => turn.rise()).finally(() => seen === freezes && ask());
    },
  );
  ask();
  return {
    get leading() {
      return leading;
    },
    tell: (note) => channel?.postMessage(note),
    close() {
      closed = true;
      give_up();
      off();
      channel?.close();
    },
  };
}
