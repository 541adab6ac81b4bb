/**
 * One engine per origin: whoever holds the Web Lock syncs, the other tabs follow over a BroadcastChannel.
 * Owns the lock and the channel. Must not know what is synced. Invariant (property 17): two tabs never sync at once;
 * when the leader's tab dies the browser hands the lock to the next.
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

export function take_lead(
  ports: Pick<Ports, "locks" | "channel" | "db_prefix">,
  on_lead: () => void,
  on_note: (note: Note) => void,
): Leader {
  const channel = ports.channel(`${ports.db_prefix}-courier`);
  let leading = false;
  let closed = false;
  let release: () => void = () => undefined;
  if (channel !== null) channel.onmessage = (event: MessageEvent) => on_note(event.data as Note);

  const lead = () => {
    if (closed) return Promise.resolve();
    leading = true;
    on_lead();
    return new Promise<void>((resolve) => {
      release = resolve;
    });
  };
  const stop = new AbortController();
  if (ports.locks === null) void lead();
  else {
    ports.locks.request(`${ports.db_prefix}-sync`, { signal: stop.signal }, lead).catch(() => {
      // Aborted because this tab closes while still waiting for its turn.
    });
  }
  return {
    get leading() {
      return leading;
    },
    tell: (note) => channel?.postMessage(note),
    close() {
      closed = true;
      leading = false;
      stop.abort();
      release();
      channel?.close();
    },
  };
}
