/**
 * Server hints while online (P-30), read as an event stream over fetch: EventSource cannot send the Authorization
 * header, and a token in a URL ends up in logs.
 * Owns the slow reconnection. Only a hint: everything is correct without it, so errors are silent here and shown by the
 * courier's own contact.
 */
const REOPEN_MS_MIN = 30_000;
const REOPEN_MS_MAX = 300_000;

export function open_live(url: string, token: string, on_hint: () => void): () => void {
  const stop = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wait = REOPEN_MS_MIN;

  async function listen(): Promise<void> {
    const headers = { Accept: "text/event-stream", Authorization: `Bearer ${token}` };
    const response = await fetch(url, { headers, signal: stop.signal, cache: "no-store" });
    if (!response.ok || response.body === null) return;
    on_hint(); // whatever happened while nobody listened
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      wait = REOPEN_MS_MIN;
      const events = (rest + value).split("\n\n");
      rest = events.pop() ?? "";
      if (events.some((event) => event.startsWith("event: hint") || event.includes("\nevent: hint"))) on_hint();
    }
  }

  async function keep_listening(): Promise<void> {
    await listen().catch(() => undefined); // unreachable or cut: the courier knows and says so
    if (stop.signal.aborted) return;
    timer = setTimeout(() => void keep_listening(), wait);
    wait = Math.min(REOPEN_MS_MAX, wait * 2);
  }

  void keep_listening();
  return () => {
    stop.abort();
    clearTimeout(timer);
  };
}
