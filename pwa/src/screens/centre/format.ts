/**
 * Values as people read them, by the declared type of their field.
 * Owns: the text of a value for tables, facts and history. Must not fetch names: they come with the answer.
 */

import { type Field, KINDS } from "../../generated/kinds";
import { choice_codes, choice_label, field_label, locale, moment } from "../../i18n";
import type { Names } from "./client";
import { w, w_or } from "./words";

export const field_of = (kind: string, name: string): Field | undefined =>
  KINDS[kind]?.fields[name] ?? KINDS[kind]?.fields[name.split(".")[0] ?? ""];

export function is_number(kind: string, name: string): boolean {
  const type = field_of(kind, name)?.type;
  return type === "int" || type === "decimal2";
}

/** Full time with seconds, Beijing time as the device shows it. */
export function full_time(value: unknown): string {
  const at = new Date(typeof value === "number" ? value : typeof value === "string" ? Date.parse(value) : Number.NaN);
  if (Number.isNaN(at.getTime())) return "";
  return at.toLocaleString(locale.value === "en" ? "en-GB" : "zh-CN", { hour12: false });
}

/** Keys of a setting's value, and codes in it that stand for a choice of some list. */
const CHOICE_OF: Readonly<Record<string, string>> = Object.fromEntries(
  ["severity", "block_type"].flatMap((list) => choice_codes(list).map((code) => [code, list])),
);
export const setting_word = (code: string): string => {
  const list = CHOICE_OF[code];
  return list === undefined ? w_or("part", code) : choice_label(list, code);
};

function plain_object(value: object): string {
  return Object.entries(value)
    .filter(([, each]) => each !== null && each !== "")
    .map(([name, each]) => `${setting_word(name)} ${typeof each === "object" ? JSON.stringify(each) : each}`)
    .join(" · ");
}

/** Kinds of merge whose values are entries. */
const IN_A_LOG: ReadonlySet<string> = new Set(["append", "track"]);
const ENTRY_KEYS = ["name", "what", "status", "reason", "method", "floor", "note", "expected", "counted"];
/** Where the words for a code in an entry stand; free text has none and is shown as it is. */
const ENTRY_WORDS: Record<string, string> = { reason: "gap", method: "checkin", what: "pause" };
/** One entry of a log (a check-in, a pause, a gap of the track) in words. */
export function entry_text(kind: string, entry: Record<string, any>): string {
  const told: Record<string, any> = { ...entry, name: entry["name"] || entry["block"] };
  const words = ENTRY_KEYS.filter((key) => told[key] !== undefined && told[key] !== "" && told[key] !== null).map(
    (key) =>
      key === "status"
        ? choice_label(field_of(kind, "status")?.choices ?? "", told[key])
        : w_or(ENTRY_WORDS[key] ?? key, String(told[key])),
  );
  const from = entry["at"] ?? entry["from"] ?? entry["t0"];
  const to = entry["to"] ?? entry["t1"];
  return [from ? moment(from) : "", to ? `→ ${moment(to)}` : "", ...words].filter(Boolean).join(" ");
}

export function show(kind: string, name: string, value: any, names: Partial<Names> = {}): string {
  if (value === null || value === undefined || value === "") return "";
  const field = field_of(kind, name);
  if (name === "scope" && typeof value === "string") return scope_name(value, names.stations ?? {});
  if (typeof value === "boolean") return w(value ? "common.yes" : "common.no");
  if (field?.choices) {
    const codes: unknown[] = Array.isArray(value) ? value : [value];
    return codes.map((code) => choice_label(field.choices as string, code)).join(w("common.and"));
  }
  if (field?.type === "time") return moment(value);
  if (field?.type === "user") return names.users?.[value] ?? String(value);
  if (field?.type === "ref") return names.refs?.[value] ?? String(value).slice(0, 8);
  if (field?.type === "point" && typeof value === "object") {
    return `${(value.lon_e7 / 1e7).toFixed(5)}, ${(value.lat_e7 / 1e7).toFixed(5)}`;
  }
  if (field?.type === "geometry") return w("common.corners", { n: value.rings?.[0]?.length ?? 0 });
  if (Array.isArray(value)) {
    if (value.every((each) => typeof each !== "object"))
      return value.map((each) => names.refs?.[each] ?? setting_word(String(each))).join(w("common.and"));
    return w("common.entries", { n: value.length });
  }
  if (typeof value === "object")
    return IN_A_LOG.has(field?.merge ?? "") ? entry_text(kind, value) : plain_object(value);
  return field?.unit ? `${value} ${field.unit}` : (names.refs?.[value] ?? String(value));
}

export function scope_name(scope: string, stations: Record<string, string>): string {
  if (!scope.startsWith("station:")) return w("common.town");
  const code = scope.slice("station:".length);
  return stations[code] ?? code;
}

export { field_label };
