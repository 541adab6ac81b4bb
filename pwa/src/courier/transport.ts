/**
 * One request to the server: authorised, bounded in time, compressed when worth it.
 * Owns timeouts and the body encoding. Must not retry or interpret sync answers.
 */
import type { Addresses } from "./addresses";
import { digest_of, is_damaged } from "./digest";
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
    let cancel = this.#deps.set_timer(REQUEST_MS_MAX + size / BYTES_PER_MS_MIN, () => stop.abort());
    const heard = () => {
      cancel();
      cancel = this.#deps.set_timer(REQUEST_MS_MAX, () => stop.abort());
    };
    this.#running.add(stop);
    try {
      const headers = new Headers(init.headers);
      if (token !== null) headers.set("Authorization", `Bearer ${token}`);
      // The browser's own cache lies in clear on the disk: nothing of ours goes there.
      const options: RequestInit = { cache: "no-store", ...init, headers, signal: stop.signal };
      const response = await this.#ask(path, options);
      if (!response.ok) throw await to_http_error(response);
      return await read_whole(response, heard);
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

  async post_lines(path: string, lines: readonly Uint8Array[], token = this.#deps.token()): Promise<Response> {
    const body = join_lines(lines);
    const packed = await gzip(body);
    const sent = packed ?? body;
    const headers: Record<string, string> = {
      "Content-Type": "application/x-ndjson",
      "Content-Digest": digest_of(sent),
    };
    if (packed !== null) headers["Content-Encoding"] = "gzip";
    const answer = await this.send(path, { method: "POST", headers, body: sent }, token);
    const bytes = new Uint8Array(await answer.arrayBuffer());
    // Like no answer at all: what the server did is asked again.
    if (is_damaged(answer.headers.get("Unencoded-Digest"), bytes))
      throw new TypeError("the answer was damaged on its way");
    return new Response(bytes, answer);
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

/** The answer with its whole body, however long that takes; a line that falls silent half-way is broken off by the timer. */
async function read_whole(response: Response, heard: () => void): Promise<Response> {
  if (response.body === null) return response;
  const { status, headers } = response;
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const reader = response.body.getReader();
  for (;;) {
    heard();
    const { done, value } = await reader.read();
    if (done) return new Response(new Blob(parts), { status, headers });
    parts.push(value);
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
