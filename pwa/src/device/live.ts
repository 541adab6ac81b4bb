/**
 * Server hints while online (P-30). Owns the EventSource and its slow reconnection.
 * Only a hint: everything is correct without it, so errors are silent here and shown by the courier's own contact.
 */
const REOPEN_MS_MIN = 15_000;
const REOPEN_MS_MAX = 300_000;

export function open_live(url: string, on_hint: () => void): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wait = REOPEN_MS_MIN;
  let closed = false;
  const open = () => {
    if (closed) return;
    source = new EventSource(url);
    source.addEventListener("hint", () => {
      wait = REOPEN_MS_MIN;
      on_hint();
    });
    source.addEventListener("open", on_hint);
    source.onerror = () => {
      source?.close();
      if (closed) return;
      timer = setTimeout(open, wait);
      wait = Math.min(REOPEN_MS_MAX, wait * 2);
    };
  };
  if (typeof EventSource === "function") open();
  return () => {
    closed = true;
    clearTimeout(timer);
    source?.close();
  };
}
