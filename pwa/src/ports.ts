/**
 * Everything impure the engine needs, as arguments: clock, randomness, network, storage, locks.
 * Owns the shapes only; device/browser_ports.ts makes the real ones, tests make controllable ones.
 */
import type { Kinds } from "./core/fields";
import type { PointValue } from "./engine_types";
import type { Unpack } from "./store/unpack";

export interface PreparedPhoto {
  photo: Blob;
  thumb: Blob | null;
  width: number;
  height: number;
  taken_at: string | null;
  point: PointValue | null;
}

export interface Ports {
  fetch(input: string, init?: RequestInit): Promise<Response>;
  /** Origin of the server; "" is our own. */
  base: string;
  now(): number;
  /** Milliseconds that never go back, since the page started. */
  mono(): number;
  /** Local wall clock as ISO text with offset. */
  iso(ms: number): string;
  random(length: number): Uint8Array<ArrayBuffer>;
  /** Uniform [0,1) for jitter only. */
  jitter(): number;
  subtle: SubtleCrypto;
  local: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  locks: Pick<LockManager, "request"> | null;
  channel(name: string): BroadcastChannel | null;
  storage: Pick<StorageManager, "persist" | "persisted" | "estimate"> | null;
  set_timer(ms: number, cb: () => void): () => void;
  /** Calls back when the device may have regained a network or the user's attention. */
  on_wake(cb: () => void): () => void;
  /** The browser is about to freeze this page, and has thawed it: in between nothing here runs. */
  on_freeze(freeze: () => void, thaw: () => void): () => void;
  /** Server hints over SSE; null where not available. */
  open_live(url: string, token: string, on_hint: () => void): () => void;
  battery(): number | null;
  /** Takes a snapshot apart, away from the page where that is possible. */
  unpack: Unpack;
  prepare_photo(blob: Blob): Promise<PreparedPhoto>;
  /** Sends one file (tus); see files/tus_upload.ts. */
  upload: UploadPort;
  kinds: Kinds;
  app: string;
  schema: number;
  db_prefix: string;
  /** Something worth a line in the device's own log: fork, purge, digest mismatch, eviction. */
  note_incident(code: string, detail: Record<string, unknown>): void;
  /** PBKDF2 rounds; only tests lower it. */
  pin_rounds?: number;
}

export interface UploadJob {
  url: string;
  upload_url: string | null;
  blob: Blob;
  sha256: string;
  mime: string;
  role: string;
  token: string;
  on_url(url: string): void;
  on_progress(sent: number): void;
}

/** Resolves when the server holds every byte; rejects with UploadError. */
export type UploadPort = (job: UploadJob, signal: AbortSignal) => Promise<void>;
