/** What the courier needs of others, and what it tells of itself. Types only. */
import type { ScopeDigest } from "../store/digest";
import type { Incarnation } from "../store/open";
import type { Settlement } from "../store/ops_store";
import type { OutLine } from "./plan";
import type { SnapshotSink } from "./snapshots";
import type { Transport } from "./transport";
import type { GrantedScopes, SyncAnswer } from "./wire";

export interface Outbox {
  /** Every incarnation this device answers for, the present one last; empty before loading. */
  chains(): readonly Incarnation[];
  /** Lines from n on, stopping before the first that cannot be read (sealed while locked). */
  lines(dev: string, from: number, limit: number): Promise<OutLine[]>;
  settle(dev: string, answer: Settlement): Promise<void>;
  /** The server is behind: ops from n on count as unsent again. False when they are no longer kept here. */
  rewind(dev: string, from: number): Promise<boolean>;
  /** Ops after `same_to` go on under a new incarnation; null: find out first where the chains part (P-24). */
  fork(dev: string, same_to: number | null): Promise<void>;
  flying(range: readonly [from: number, to: number] | null): void;
}

export interface View extends SnapshotSink {
  cursor(): string | null;
  apply_page(answer: SyncAnswer, now_ms: number): Promise<void>;
  /** What the device may hold, told by an answer that brings no page. */
  note_granted(scopes: GrantedScopes): Promise<void>;
  drop_cursor(): Promise<void>;
  purge(scopes: readonly string[]): Promise<number>;
  digests(): Readonly<Record<string, ScopeDigest>>;
  /** Scopes of which something is held here that the server no longer grants. */
  revoked_scopes(): readonly string[];
}

export interface CourierState {
  online: boolean;
  busy: boolean;
  last_contact_ms: number | null;
  next_try_ms: number | null;
  skew_s: number;
  attention: string | null;
  needs_login: boolean;
  progress: { scope: string; done: number; total: number } | null;
}

/** Who stands behind the requests. */
export interface Who {
  has_token(): boolean;
  /** The token of whoever unlocked since the start; null: the device's own token only delivers (P-42). */
  reader(): string | null;
  /** The server does not know this sign-in. */
  refused(reader: string): void;
  /** Whether anybody ever signed in on this device. */
  signed_in(): boolean;
}

export interface CourierDeps {
  transport: Transport;
  outbox: Outbox;
  view: View;
  now(): number;
  jitter(): number;
  set_timer(ms: number, cb: () => void): () => void;
  who: Who;
  status_header(): Record<string, unknown>;
  schema: number;
  scopes(): string[] | null;
  /** What was unsent has left: files may follow. */
  data_left(): void;
  /** The server answers from a backup: it may have lost what it confirmed. */
  began_anew(): Promise<void>;
  changed(): void;
  incident(code: string, detail: Record<string, unknown>): void;
}
