/**
 * The details of a line of the audit log in words; the log itself holds codes and counts.
 * Owns which word belongs to which part. Pure. Must not drop a part: what nobody has a word for is shown as it is.
 */
import { ERRORS } from "../../generated/errors";
import { KINDS } from "../../generated/kinds";
import { field_label, kind_label, locale } from "../../i18n";
import { w, w_or } from "./words";

export interface Told {
  action: string;
  target: string | null;
  target_name: string | null;
  detail: Record<string, unknown> | null;
  /** Names of the stations among the details. */
  names: Record<string, string>;
}

/** Of a name nobody has, only a keyed hash is kept; so much of it tells two guesses apart. */
const HASH_SHOWN = 8;

/** `/api/v1/admin/users/<id>` → the word of its nearest known beginning. */
function route_words(route: string): string {
  const parts = route.replace(/^\/api\/v1\//, "").split("/");
  for (let n = Math.min(2, parts.length); n > 0; n -= 1) {
    const start = parts.slice(0, n).join("/");
    const word = w_or("route", start);
    if (word !== start) return word;
  }
  return route;
}

function error_words(code: string): string {
  const known = ERRORS[code];
  return known === undefined ? code : locale.value === "en" ? known.en : known.zh;
}

function part_words(name: string, value: string, entry: Told): string {
  switch (name) {
    case "code":
      return error_words(value);
    case "route":
      return route_words(value);
    case "station":
    case "scope":
      return entry.names[value] ?? (value === "town" ? w("common.town") : value);
    case "kind":
      return kind_label(value);
    case "fields":
      return entry.action === "user_renamed"
        ? w_or("account", value)
        : field_label(String(entry.detail?.["kind"] ?? "person"), value);
    case "only":
      return w_or("filter", value);
    case "tried":
      return value.slice(0, HASH_SHOWN);
    default:
      return w_or(name, value);
  }
}

export const detail_words = (entry: Told): string =>
  Object.entries(entry.detail ?? {})
    .filter(([, value]) => value !== null && value !== "")
    .map(([name, value]) => {
      const each = (Array.isArray(value) ? value : [value]).map((one) => part_words(name, String(one), entry));
      return w("common.colon", { a: w_or("part", name), b: each.join(w("audit.and")) });
    })
    .join(" · ");

/** What a deed was done to: somebody, a device, a station by name; a kind of records or a rule by its word; else an id. */
export function target_words(entry: Told): string {
  const { target, target_name } = entry;
  if (target_name !== null) return target_name;
  if (target !== null && Object.hasOwn(KINDS, target)) return kind_label(target);
  return w_or("due", target);
}
