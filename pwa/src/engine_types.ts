/**
 * The public face of the engine: what screens may know. Types only.
 * Owns the shapes of records, session, queue and status as screens see them. Must not know storage or the network.
 * Invariant: names are wire names where the wire has them.
 */
import type { CounterState } from "./core/merge_kinds";
import type { WireState } from "./core/op";

export type { CounterState } from "./core/merge_kinds";
export type { Fop, WireState } from "./core/op";

export type Delivery = "draft" | "local" | "sending" | "delivered" | "returned" | "conflict";

export interface PointValue {
  readonly lat_e7: number;
  readonly lon_e7: number;
  readonly acc_dm?: number;
}

export interface LogEntry {
  stamp: string;
  v: any;
  user: string;
  /** Corrected time, UTC ms. */
  at: number;
  retracted: boolean;
}

/** One visible record: pulled state with this device's own unsettled ops folded on top. */
export interface Rec {
  id: string;
  kind: string;
  scope: string;
  /** Shown value of every register-like field (counters give their number, sets and logs are kept apart below). */
  v: Record<string, any>;
  /** Fields whose heads differ; "life" when a deletion is disputed. */
  disputed: string[];
  counters: Record<string, CounterState>;
  sets: Record<string, any[]>;
  logs: Record<string, LogEntry[]>;
  readonly state: WireState;
  created_at: number;
  updated_at: number;
  delivery: Delivery;
  files: { total: number; delivered: number };
}

/** What a form hands in for one field: a plain value, or a verb made with desk.ts. */
export type FieldInput = unknown;

export interface Draft {
  /** Absent: a new record. */
  rec?: string;
  kind: string;
  /** Needed for new records whose scope is not the kind's only possible one. */
  scope?: string;
  f: Record<string, FieldInput>;
}

export interface Saved {
  /** Record id of every draft, in order. */
  recs: string[];
  stamps: string[];
}

export interface SessionUser {
  id: string;
  /** Empty for who signed in with an app that did not keep it. */
  username: string;
  name: string;
  roles: string[];
  stations: { code: string; name: string; role: string }[];
  has_pin: boolean;
}

/** What a person has to do before anything is open to him: choose a password of his own, set up a second factor. */
export type Todo = "password" | "factor";

export interface LoginInput {
  username: string;
  password: string;
  desk?: boolean;
  /** Of the authenticator app, or a recovery code; asked for at desks. */
  code?: string;
}

export interface Session {
  phase: "new" | "enrolled" | "locked" | "open";
  device: { id: string; letter: string; kind: "handheld" | "desk" } | null;
  town: { name: string } | null;
  users: SessionUser[];
  user: SessionUser | null;
  /** Names of colleagues by user id, letters of their devices by the name these write under; empty while locked. */
  names: Readonly<Record<string, string>>;
  station: { code: string; name: string } | null;
  scopes: string[];
  /** The server no longer accepts our token: data stays, work goes on, a new login is needed to deliver. */
  needs_login: boolean;
  todo: Todo[];
  /** Without a touch, until the screen locks; 0: the server never said. */
  lock_minutes: number;
  /** Earliest next PIN attempt, device clock ms; 0 when free. */
  pin_wait_until_ms: number;
}

export interface QueueOp {
  n: number;
  rec: string;
  kind: string;
  title: string;
  state: "local" | "sending" | "returned" | "delivered";
  why: string | null;
  at: number;
  bytes: number;
}

export type UploadState = "pending" | "sending" | "sent" | "delivered" | "held" | "lost" | "dead";

export interface QueueFile {
  sha256: string;
  name: string;
  mime: string;
  size: number;
  sent: number;
  state: UploadState;
  why: string | null;
  next_try: number | null;
  owner: string;
  owner_kind: string;
}

export interface Queue {
  ops: QueueOp[];
  files: QueueFile[];
  counts: { waiting: number; sending: number; attention: number; delivered: number };
}

/** What has not left this device yet, as people count it. */
export interface Held {
  records: number;
  photos: number;
  tracks: number;
  audio: number;
}

export interface Status {
  /** True when the last contact with the server succeeded; never navigator.onLine. */
  online: boolean;
  phase: "offline" | "sending" | "idle" | "attention";
  pending_ops: number;
  pending_files: number;
  pending_bytes: number;
  held: Held;
  last_contact_ms: number | null;
  next_try_ms: number | null;
  returned: number;
  conflicts: number;
  skew_s: number;
  persisted: boolean;
  /** Unsent ops and files known to have been lost with evicted databases. */
  lost: number;
  storage: { used_bytes: number; quota_bytes: number | null };
  data_as_of_ms: number | null;
  snapshot_progress: { scope: string; done: number; total: number } | null;
  /** Stable code of what needs a person, for example "needs_login" or "stuck". */
  attention: string | null;
}

export interface ConflictHead {
  stamp: string;
  value: any;
  user: string;
  at: number;
  prev: any;
  dev: string;
  mine: boolean;
}

export interface Conflict {
  id: string;
  rec: string;
  kind: string;
  scope: string;
  field: string;
  heads: ConflictHead[];
}

export interface AttachmentInfo {
  role: string;
  caption?: string;
  taken_at?: string;
  point?: PointValue | null;
  /** Scope of the owner; taken from the owner record when absent. */
  scope?: string;
}

export interface EnrolAnswer {
  device_id: string;
  letter: string;
  town: { name: string };
  station_code: string | null;
}

export type Topic = `records:${string}` | "records" | "sync" | "session" | "queue" | "evicted";

export interface Drafts {
  get<T = any>(key: string): Promise<T | undefined>;
  /** Debounced 300 ms; the promise resolves when it is on disk. */
  put(key: string, value: unknown): Promise<void>;
  drop(key: string): Promise<void>;
  keys(): Promise<string[]>;
}

export interface Engine {
  readonly session: Session;
  enrol(input: { code: string; base?: string; name?: string }): Promise<EnrolAnswer>;
  login(input: LoginInput): Promise<SessionUser>;
  /** It is done; what it closed is open from now on. */
  settle_todo(done: Todo): Promise<void>;
  set_pin(pin: string): Promise<void>;
  /** Somebody is on the screen whose device nobody here knows: ask for names and letters again, at most once a minute. */
  refresh_names(): Promise<void>;
  unlock(user_id: string, pin: string): Promise<void>;
  lock(): void;
  logout(): Promise<void>;
  records(kind: string): Rec[];
  record(id: string): Rec | undefined;
  /** Ids of the records of a kind held here, deleted ones among them: nothing is read to know them. */
  ids(kind: string): string[];
  on(topic: Topic, cb: () => void): () => void;
  write(drafts: Draft[]): Promise<Saved>;
  attach(owner_kind: string, owner_id: string, blob: Blob, info: AttachmentInfo): Promise<string>;
  /** Keep a finished binary (track chunk) and queue its upload. Gives the sha256. */
  keep_file(
    blob: Blob,
    info: { role: string; mime: string; owner: string; owner_kind: string; name?: string },
  ): Promise<{ sha256: string; size: number }>;
  /** The local copy of a file if we hold it, else fetched from the server; null when neither is possible. */
  file(sha256: string, variant?: "thumb" | "preview"): Promise<Blob | null>;
  queue(): Queue;
  retry(id?: string): void;
  sync_now(): Promise<void>;
  rescue_export(): Promise<Blob>;
  status(): Status;
  readonly drafts: Drafts;
  conflicts(): Conflict[];
  api(path: string, init?: RequestInit): Promise<Response>;
  /** A short human code for a new record: device letter and counter, for example "K7-0042". */
  next_code(): Promise<string>;
  new_id(): string;
  now(): number;
  close(): Promise<void>;
}
