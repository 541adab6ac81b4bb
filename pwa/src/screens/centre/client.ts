/**
 * Talking to the centre's read side: one small wrapper over the engine's authorised fetch.
 * Owns: query strings, problem+json turned into words, downloads, the shapes of the answers screens use.
 * Must not: keep data between calls or write records (those are ops through engine.write).
 */
import { locale } from "../../i18n";
import { use_engine } from "../../use";

export interface Stamp {
  as_of: string;
  as_of_ms: number;
  devices: number;
  devices_unsent: number;
  ops_unsent: number;
  files_unsent: number;
  bytes_unsent: number;
  never_seen: number;
  silent: number;
  oldest_contact_ms: number | null;
}
export interface DeviceRef {
  id: string;
  name: string;
  letter: string;
  kind: string;
}
export interface Row {
  id: string;
  kind: string;
  scope: string;
  station: string | null;
  seq: number;
  in_dispute: boolean;
  created_at: number;
  updated_at: number;
  v: Record<string, any>;
}
export interface Names {
  users: Record<string, string>;
  refs: Record<string, string>;
  stations: Record<string, string>;
}
export interface ListAnswer extends Names {
  kind: string;
  total: number;
  page: number;
  size: number;
  items: Row[];
  extra: Record<string, Record<string, any>>;
  completeness: Stamp;
}
export interface Head {
  stamp: string;
  value: any;
  user: string | null;
  user_name: string | null;
  device: DeviceRef | null;
  at: string | null;
  at_c_ms: number;
  rx_ms: number | null;
  saw: any;
  bases: string[];
  masked: boolean;
}
export interface FileRow {
  id: string;
  role: string | null;
  caption: string | null;
  taken_at: number | null;
  taken_by: string | null;
  sha256: string;
  mime: string | null;
  size: number | null;
  delivered: boolean;
}
export interface Related {
  kind: string;
  id: string;
  title: string | null;
  code: string | null;
  status: string | null;
  updated_at: number;
  qty: number | null;
  extra: string | null;
}
export interface Detail extends Names {
  id: string;
  kind: string;
  scope: string;
  station: string | null;
  title: string;
  visible: boolean;
  v: Record<string, any>;
  masked: string[];
  counters: Record<string, { value: number; disputed: boolean; recount_advised: boolean; negative: boolean }>;
  state: any;
  heads: Record<string, string[]>;
  disputes: { field: string; heads: Head[] }[];
  waiting: { stamp: string; field: string }[];
  files: { total: number; delivered: number };
  attachments: FileRow[];
  related: Related[];
  created_at?: number;
  updated_at?: number;
}
export interface Change {
  field: string;
  verb: string;
  new?: any;
  old?: any[];
  saw?: any;
  bases: string[];
  unknown_bases?: number;
}
export interface HistoryItem {
  stamp: string;
  dev: string;
  n: number;
  device: DeviceRef | null;
  user: string | null;
  user_name: string | null;
  at: string | null;
  at_c_ms: number;
  skew: number | null;
  rx_ms: number;
  verdict: string;
  why: string | null;
  app: string | null;
  group: string | null;
  changes: Change[];
}

export class CentreError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

type Query = Readonly<Record<string, string | number | boolean | null | undefined>>;

export function with_query(path: string, query: Query = {}): string {
  const parts = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  if (parts.length === 0) return path;
  return `${path}?${new URLSearchParams(parts.map(([name, value]) => [name, String(value)])).toString()}`;
}

async function problem(response: Response): Promise<CentreError> {
  let body: any = {};
  try {
    body = await response.json();
  } catch {
    body = {};
  }
  const words =
    locale.value === "en"
      ? (body.detail ?? body.title)
      : (body.detail_zh ?? body.title_zh ?? body.detail ?? body.title);
  return new CentreError(
    String(body.code ?? response.status),
    String(words ?? `HTTP ${response.status}`),
    response.status,
  );
}

async function call(path: string, init?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await use_engine().api(path, init);
  } catch (cause) {
    const words =
      locale.value === "en"
        ? "The server did not answer. What you see is the last answer."
        : "服务器没有回应。页面上是上一次的数据。";
    throw new CentreError("unreachable", words, (cause as { status?: number }).status ?? 0);
  }
  if (!response.ok) throw await problem(response);
  return response;
}

export async function get<T>(path: string, query: Query = {}): Promise<T> {
  return (await (await call(with_query(path, query))).json()) as T;
}

export async function post<T>(path: string, body: unknown = {}): Promise<T> {
  const response = await call(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return (response.status === 204 ? {} : await response.json()) as T;
}

/** Fetch a file with our rights and hand it to the browser's own save dialog. */
export async function download(path: string, query: Query, name: string): Promise<void> {
  const blob = await (await call(with_query(path, query))).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export async function image_url(sha256: string, variant: "thumb" | "preview"): Promise<string> {
  const blob = await (await call(`/files/${sha256}?variant=${variant}`)).blob();
  return URL.createObjectURL(blob);
}

/** A stream of live hints; calls back for each. Ends when aborted; the caller polls when it ends by itself. */
export async function follow_hints(on_hint: () => void, signal: AbortSignal): Promise<void> {
  const response = await call("/live", { headers: { accept: "text/event-stream" }, signal });
  const reader = response.body?.getReader();
  if (!reader) return;
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    if (decoder.decode(value, { stream: true }).includes("event: hint")) on_hint();
  }
}
