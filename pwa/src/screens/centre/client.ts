/**
 * Talking to the centre's read side: one small wrapper over the engine's authorised fetch.
 * Owns: query strings, refusals turned into words, downloads, the shapes of the answers screens use.
 * Must not: keep data between calls or write records (those are ops through engine.write).
 */
import { problem_words } from "../../components/problems";
import { ask_server } from "../../components/server";
import { ERRORS } from "../../generated/errors";
import { locale } from "../../i18n";

const PREFIX = "/api/v1";

export interface Stamp {
  as_of: string;
  as_of_ms: number;
  devices: number;
  devices_unsent: number;
  ops_unsent: number;
  files_unsent: number;
  bytes_unsent: number;
  handhelds_seen: number;
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
  erased?: { at: number; why: string; by: string };
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

const given = (query: Query): Query =>
  Object.fromEntries(
    Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== ""),
  );

export function with_query(path: string, query: Query = {}): string {
  const parts = Object.entries(given(query));
  if (parts.length === 0) return path;
  return `${path}?${new URLSearchParams(parts.map(([name, value]) => [name, String(value)])).toString()}`;
}

/** What went wrong, in the words of the error catalogue; unknown codes say that the server did not answer. */
function problem(cause: unknown): CentreError {
  const { code, status } = cause as { code?: string; status?: number };
  const known = code === undefined ? undefined : ERRORS[code];
  if (known !== undefined) return new CentreError(code ?? "", problem_words(cause), status ?? known.status);
  const words =
    locale.value === "en"
      ? "The server did not answer. Check the network and try again."
      : "服务器没有回应。请检查网络，稍后重试。";
  return new CentreError(code ?? "unreachable", words, status ?? 0);
}

async function call(path: string, init?: RequestInit): Promise<Response> {
  try {
    return await ask_server(`${PREFIX}${path}`, init);
  } catch (cause) {
    throw problem(cause);
  }
}

export async function get<T>(path: string, query: Query = {}): Promise<T> {
  return (await (await call(with_query(path, query))).json()) as T;
}

export async function send<T>(method: "POST" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<T> {
  const json =
    body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await call(path, { method, ...json });
  return (response.status === 204 ? {} : await response.json()) as T;
}

export const post = <T>(path: string, body: unknown = {}): Promise<T> => send<T>("POST", path, body);

/** A whole file as the body. */
export async function send_file<T>(path: string, file: Blob, mime: string): Promise<T> {
  return (await (await call(path, { method: "POST", headers: { "content-type": mime }, body: file })).json()) as T;
}

/** A search: what people look for may be a name, and an address lands in logs that are not ours. */
export const ask = <T>(path: string, asked: Query = {}): Promise<T> => post<T>(path, given(asked));

/** Have a file made with our rights and hand it to the browser's own save dialog. */
export async function download(path: string, asked: Query, name: string): Promise<void> {
  const json = { headers: { "content-type": "application/json" }, body: JSON.stringify(given(asked)) };
  const blob = await (await call(path, { method: "POST", ...json })).blob();
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
