/** Shapes of the sync answers (contract §7). Types and the reading of problem documents only. */
import type { WireState } from "../core/op";
import type { ScopeDigest } from "../store/digest";
import type { Verdict } from "../store/ops_store";

/** What this device may hold; of `masked` scopes the `common` kinds only (P-45). An older server masks nothing. */
export interface GrantedScopes {
  granted: string[];
  masked?: string[];
  common?: string[];
  revoked: string[];
}

export interface SyncAnswer {
  acked: number;
  acked_h: string;
  durable: number;
  now_ms: number;
  verdicts: Verdict[];
  records: WireState[];
  gone: string[];
  scopes: GrantedScopes;
  digest?: Record<string, ScopeDigest>;
  cursor: string;
  seq: number;
  more: boolean;
  resend_from?: number;
  fork?: boolean;
  /** Only the device itself asked, nobody who may receive: nothing was pulled (P-42). */
  push_only?: boolean;
  /** With `fork`: the last n at which both chains are the same; null when they part before this batch (P-24). */
  same_to?: number | null;
}

export interface SnapshotItem {
  scope: string;
  seq: number;
  count: number;
  bytes: number;
  etag: string;
  url: string;
}

export interface SnapshotList {
  cursor: string;
  scopes: SnapshotItem[];
}

/** The server answered, but not with success. `retry_after_ms` is null when it did not say. */
export class HttpError extends Error {
  readonly status: number;
  readonly code: string;
  readonly retry_after_ms: number | null;
  constructor(status: number, code: string, retry_after_ms: number | null) {
    super(`${status} ${code}`);
    this.name = "HttpError";
    this.status = status;
    this.code = code;
    this.retry_after_ms = retry_after_ms;
  }
}

export async function to_http_error(response: Response): Promise<HttpError> {
  let code = `http_${response.status}`;
  try {
    const body = (await response.json()) as { code?: unknown };
    if (typeof body.code === "string") code = body.code;
  } catch {
    // A proxy's HTML page is not a problem document; the status alone decides.
  }
  const after = Number(response.headers.get("Retry-After"));
  return new HttpError(response.status, code, Number.isFinite(after) && after > 0 ? after * 1000 : null);
}

/** `fetch` reports an unreachable server as TypeError and a timeout as AbortError; anything else is our own fault. */
export function is_network_error(error: unknown): boolean {
  return (
    error instanceof TypeError || (error instanceof DOMException && ["AbortError", "TimeoutError"].includes(error.name))
  );
}
