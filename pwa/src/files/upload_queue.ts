/**
 * The file queue: photos and tracks leave after the data, never before it and never in its way (P-50).
 * Owns order (smallest first), tries, budgets, the confirmation by the server. Must not touch ops.
 * Invariants: "delivered" only after the server's own status says complete; a dead file is reported, not retried for
 * ever; a failure of one file never stops the others (property 20).
 */

import type { Transport } from "../courier/transport";
import { HttpError } from "../courier/wire";
import type { UploadPort } from "../ports";
import type { BlobStore } from "../store/blob_store";
import type { UploadRow } from "../store/open";

export const TRIES_MAX = 12;
export const FILE_BACKOFF_MS_MIN = 5_000;
export const FILE_BACKOFF_MS_MAX = 900_000;
const STATUS_BATCH_MAX = 100;
const LOCKED = "locked";
const RESTING = "resting";

/** What the server answered to an upload; `retry_after_ms` is 0 when it did not say when to come again. */
export class UploadError extends Error {
  readonly status: number;
  readonly retry_after_ms: number;
  constructor(status: number, message: string, retry_after_ms = 0) {
    super(message);
    this.name = "UploadError";
    this.status = status;
    this.retry_after_ms = retry_after_ms;
  }
}

export interface UploadDeps {
  blobs: BlobStore;
  rows: Map<string, UploadRow>;
  transport: Transport;
  upload: UploadPort;
  base(): string;
  token(): string | null;
  now(): number;
  jitter(): number;
  set_timer(ms: number, cb: () => void): () => void;
  changed(row: UploadRow): void;
}

/** What to send next: due, smallest first, then oldest. */
export function plan_next(rows: Iterable<UploadRow>, now_ms: number): UploadRow | null {
  let best: UploadRow | null = null;
  for (const row of rows) {
    if (row.state !== "pending" && row.state !== "sending" && row.state !== "held") continue;
    if (row.next_try !== null && row.next_try > now_ms) continue;
    if (best === null || row.size < best.size || (row.size === best.size && row.created_ms < best.created_ms))
      best = row;
  }
  return best;
}

export function plan_file_wait_ms(tries: number, jitter: number): number {
  const full = Math.min(FILE_BACKOFF_MS_MAX, FILE_BACKOFF_MS_MIN * 2 ** Math.min(tries, 12));
  return Math.round(full / 2 + (full / 2) * jitter);
}

/** Refusals no retry changes; and silence, locks and outages, which say nothing about the file. 0 is no answer at all. */
const NEVER = new Set([400, 403, 411, 413, 415, 422]);
const TOO_MANY = 429;
const PASSING = new Set([0, 401, 408, 423, 425, TOO_MANY, 502, 503, 504, 507]);

/** What a failed try means: an offline week or a store that is down must not use up the budget of a photo. */
export function plan_failure(status: number, tries: number): { tries: number; dead: boolean; begin_anew: boolean } {
  const spent = PASSING.has(status) ? tries : tries + 1;
  return { tries: spent, dead: NEVER.has(status) || spent >= TRIES_MAX, begin_anew: status === 404 || status === 410 };
}

export class UploadQueue {
  #deps: UploadDeps;
  #running: Promise<void> | null = null;
  #stop = new AbortController();
  #cancel_timer: () => void = () => undefined;

  constructor(deps: UploadDeps) {
    this.#deps = deps;
  }

  wake(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Try again now: one file, or all that wait or were given up. */
  async retry(sha256?: string): Promise<void> {
    for (const row of this.#deps.rows.values()) {
      if (sha256 !== undefined && row.sha256 !== sha256) continue;
      if (row.state === "delivered" || row.state === "sent" || row.state === "lost") continue;
      await this.#put({ ...row, state: "pending", tries: 0, next_try: null, why: null });
    }
    await this.wake();
  }

  /** A person unlocked: what waited for its key is due again. */
  async unlocked(): Promise<void> {
    for (const row of [...this.#deps.rows.values()])
      if (row.why === LOCKED) await this.#put({ ...row, state: "pending", why: null, next_try: null });
  }

  /** The server began anew from a backup: what it confirmed may have been after that, so it is asked again. */
  async doubt(): Promise<void> {
    for (const row of [...this.#deps.rows.values()])
      if (row.state === "delivered") await this.#put({ ...row, state: "sent" });
  }

  close(): void {
    this.#stop.abort();
    this.#cancel_timer();
  }

  /** The page is about to freeze: the upload breaks off and its row stays as it is, another page may carry on. */
  async rest(): Promise<void> {
    this.#stop.abort(RESTING);
    this.#stop = new AbortController();
    this.#cancel_timer();
    await this.#running;
  }

  async #run(): Promise<void> {
    this.#cancel_timer();
    const { signal } = this.#stop;
    while (!signal.aborted) {
      if (this.#deps.token() === null) return;
      const row = plan_next(this.#deps.rows.values(), this.#deps.now());
      if (row === null) break;
      const reached = await this.#send(row, signal);
      if (!reached) break; // no server, or one that asks to wait: the next wake decides
    }
    if (signal.aborted) return;
    await this.#confirm();
    const next = [...this.#deps.rows.values()].reduce(
      (least, row) => (row.next_try !== null && row.next_try < least ? row.next_try : least),
      Number.POSITIVE_INFINITY,
    );
    if (Number.isFinite(next) && !signal.aborted) {
      this.#cancel_timer = this.#deps.set_timer(Math.max(1_000, next - this.#deps.now()), () => void this.wake());
    }
  }

  /** Gives false when the next file would fare no better: the server was not reached, or has had enough of this device for now. */
  async #send(row: UploadRow, signal: AbortSignal): Promise<boolean> {
    const held = await this.#deps.blobs.open(row.sha256);
    if (held === "locked") {
      await this.#put({ ...row, state: "held", why: LOCKED, next_try: this.#deps.now() + FILE_BACKOFF_MS_MAX });
      return true;
    }
    if (held === undefined) {
      await this.#put({ ...row, state: "lost", why: "local_copy_missing", next_try: null });
      return true;
    }
    if (signal.aborted) return false;
    let current: UploadRow = { ...row, state: "sending", why: null };
    await this.#put(current);
    try {
      await this.#deps.upload(
        {
          url: `${this.#deps.base()}/api/v1/files`,
          // The address may have changed since; the path of an upload is the same at each.
          upload_url: row.url === null ? null : this.#deps.base() + new URL(row.url, "http://any").pathname,
          blob: held,
          sha256: row.sha256,
          mime: row.mime,
          role: row.role,
          token: this.#deps.token() ?? "",
          on_url: (url) => {
            current = { ...current, url };
            void this.#put(current);
          },
          on_progress: (sent) => {
            current = { ...current, sent };
            this.#deps.rows.set(current.sha256, current);
            this.#deps.changed(current);
          },
        },
        signal,
      );
      await this.#put({ ...current, state: "sent", sent: row.size, tries: 0, next_try: null });
      return true;
    } catch (error) {
      if (signal.reason === RESTING) return false;
      await this.#failed(current, error);
      return error instanceof UploadError && error.status !== TOO_MANY;
    }
  }

  async #failed(row: UploadRow, error: unknown): Promise<void> {
    const status = error instanceof UploadError ? error.status : 0;
    const { tries, dead, begin_anew } = plan_failure(status, row.tries);
    const asked = error instanceof UploadError ? error.retry_after_ms : 0;
    const wait = Math.max(asked, plan_file_wait_ms(row.tries, this.#deps.jitter()));
    const why = status === 0 ? "no_answer" : `http_${status}`;
    await this.#put({
      ...row,
      url: begin_anew ? null : row.url,
      state: dead ? "dead" : "held",
      tries,
      why,
      next_try: dead ? null : this.#deps.now() + wait,
    });
  }

  /** Ask the server what it really has; only that makes a file "delivered". */
  async #confirm(): Promise<void> {
    const sent = [...this.#deps.rows.values()].filter((row) => row.state === "sent");
    for (let at = 0; at < sent.length; at += STATUS_BATCH_MAX)
      if (!(await this.#ask(sent.slice(at, at + STATUS_BATCH_MAX)))) return;
  }

  /** Gives false when there was no answer. */
  async #ask(waiting: readonly UploadRow[]): Promise<boolean> {
    try {
      const answer = await this.#deps.transport.post_json<{ have: { sha256: string; size: number; state: string }[] }>(
        "/api/v1/files/status",
        { sha256: waiting.map((row) => row.sha256) },
      );
      const have = new Map(answer.have.map((one) => [one.sha256, one]));
      for (const row of waiting) {
        const one = have.get(row.sha256);
        const complete = one !== undefined && one.size === row.size && !INCOMPLETE.has(one.state);
        if (complete) await this.#put({ ...row, state: "delivered", why: null });
        else
          await this.#put({
            ...row,
            state: "held",
            url: null,
            sent: 0,
            why: "not_confirmed",
            next_try: this.#deps.now() + FILE_BACKOFF_MS_MIN,
          });
      }
      return true;
    } catch (error) {
      if (!(error instanceof HttpError) && !(error instanceof TypeError) && !(error instanceof DOMException))
        throw error;
      return false; // the files stay "sent" and are asked about at the next wake
    }
  }

  async #put(row: UploadRow): Promise<void> {
    this.#deps.rows.set(row.sha256, row);
    await this.#deps.blobs.put_upload(row);
    this.#deps.changed(row);
  }
}

const INCOMPLETE = new Set(["missing", "uploading", "partial", "failed"]);
