/**
 * One request to the server: authorised, bounded in time, compressed when worth it.
 * Owns timeouts and the body encoding. Must not retry or interpret sync answers.
 */
import type { Addresses } from "./addresses";
import { REQUEST_MS_MAX } from "./plan";
import { to_http_error } from "./wire";

const GZIP_BYTES_MIN = 1_024;
/** A body gets the time it takes at 50 kB/s on top. */
const BYTES_PER_MS_MIN = 50;

export interface TransportDeps {
  fetch(input: string, init?: RequestInit): Promise<Response>;
  addresses: Addresses;
  token: () => string | null;
  set_timer(ms: number, cb: () => void): () => void;
}

export async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer> | null> {
  if (typeof CompressionStream === "undefined" || bytes.length < GZIP_BYTES_MIN) return null;
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export class Transport {
  #deps: TransportDeps;
  #running = new Set<AbortController>();

  constructor(deps: TransportDeps) {
    this.#deps = deps;
  }

  async send(path: string, init: RequestInit = {}, token = this.#deps.token()): Promise<Response> {
    const stop = new AbortController();
    const size = init.body instanceof Blob ? init.body.size : 0;
    const cancel = this.#deps.set_timer(REQUEST_MS_MAX + size / BYTES_PER_MS_MIN, () => stop.abort());
    this.#running.add(stop);
    try {
      const headers = new Headers(init.headers);
      if (token !== null) headers.set("Authorization", `Bearer ${token}`);
      // The browser's own cache lies in clear on the disk: nothing of ours goes there.
      const options: RequestInit = { cache: "no-store", ...init, headers, signal: stop.signal };
      const response = await this.#ask(path, options);
      if (!response.ok) throw await to_http_error(response);
      return response;
    } finally {
      cancel();
      this.#running.delete(stop);
    }
  }

  /** A gateway without the server behind it counts as silent, like no answer at all. */
  async #ask(path: string, options: RequestInit): Promise<Response> {
    const { addresses, fetch } = this.#deps;
    try {
      const response = await fetch(addresses.current() + path, options);
      if ([502, 503, 504].includes(response.status)) addresses.silent();
      else addresses.answered();
      return response;
    } catch (error) {
      addresses.silent();
      throw error;
    }
  }

  async post_lines(path: string, lines: readonly Uint8Array[]): Promise<Response> {
    const body = join_lines(lines);
    const packed = await gzip(body);
    const headers: Record<string, string> = { "Content-Type": "application/x-ndjson" };
    if (packed !== null) headers["Content-Encoding"] = "gzip";
    return this.send(path, { method: "POST", headers, body: packed ?? body });
  }

  async post_json<T>(path: string, body: unknown, token?: string | null): Promise<T> {
    const init = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    return (await (await this.send(path, init, token)).json()) as T;
  }

  async get_json<T>(path: string): Promise<T> {
    return (await (await this.send(path)).json()) as T;
  }

  /** Break off whatever is running; used by the watchdog and at close. */
  abort(): void {
    for (const stop of this.#running) stop.abort();
  }
}

export function join_lines(lines: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(lines.reduce((sum, line) => sum + line.length + 1, 0));
  let at = 0;
  for (const line of lines) {
    out.set(line, at);
    out[at + line.length] = 10;
    at += line.length + 1;
  }
  return out;
}
