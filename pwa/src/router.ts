/**
 * The address of the page: a hash router of one table.
 * Owns: parsing `#/path?query`, matching it against the table, remembering whether there is a page to go back to.
 * Must not: know any screen's content or the engine. Guards are one function given by main.ts.
 * Invariants: an unknown address goes to the guard's home; a screen's code is loaded when it is first opened.
 */
import { type Component, shallowReactive } from "vue";
import { over_here, watch_overlays, when_still } from "./overlays";

export interface RouteRecord {
  path: string;
  load: () => Promise<{ default: Component }>;
  /** Which of the bottom tabs is lit; null for screens outside the frame. */
  tab?: string;
  frame?: "none" | "field" | "centre";
}

export interface Route {
  path: string;
  pattern: string;
  params: Readonly<Record<string, string>>;
  query: Readonly<Record<string, string>>;
  record: RouteRecord | null;
}

export const route = shallowReactive<Route>({ path: "", pattern: "", params: {}, query: {}, record: null });

let table: RouteRecord[] = [];
let guard: (path: string) => string | null = () => null;
let inner_steps = 0;

export function match(pattern: string, path: string): Record<string, string> | null {
  const want = pattern.split("/");
  const have = path.split("/");
  if (want.length !== have.length) return null;
  const params: Record<string, string> = {};
  for (const [i, part] of want.entries()) {
    const given = have[i] ?? "";
    if (part.startsWith(":")) params[part.slice(1)] = decoded(given);
    else if (part !== given) return null;
  }
  return params;
}

/** A part of an address that is no encoding of anything is taken as it stands. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function apply(): void {
  const raw = location.hash.replace(/^#/, "") || "/";
  const [path = "/", search = ""] = raw.split("?");
  const elsewhere = guard(path);
  if (elsewhere !== null && elsewhere !== path) {
    location.replace(`#${elsewhere}`);
    return;
  }
  for (const record of table) {
    const params = match(record.path, path);
    if (params === null) continue;
    Object.assign(route, {
      path,
      pattern: record.path,
      params,
      query: Object.fromEntries(new URLSearchParams(search)),
      record,
    });
    return;
  }
  if (path !== "/today") location.replace("#/today");
}

/** Start listening; once more with another guard. `choose(path)` returns where to go instead, or null to stay. */
export function start_router(records: RouteRecord[], choose: (path: string) => string | null): void {
  const again = table.length > 0;
  table = records;
  guard = choose;
  if (!again) {
    watch_overlays();
    window.addEventListener("hashchange", () => {
      inner_steps += 1;
      apply();
    });
  }
  apply();
}

/** Ask the guard again, after the session changed. */
export function recheck(): void {
  apply();
}

export function go(path: string, how: { replace?: boolean } = {}): void {
  when_still(() => {
    // From a sheet: the next screen takes the entry of the sheet, so that Back from there finds the screen under it.
    if (how.replace === true || over_here() > 0) location.replace(`#${path}`);
    else location.hash = path;
  });
}

/** One step back when we came from inside, else to the given screen: the button never leaves the app. */
export function back(fallback: string): void {
  if (inner_steps > 0) when_still(() => history.back());
  else go(fallback, { replace: true });
}
