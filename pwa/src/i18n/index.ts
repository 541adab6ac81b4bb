/**
 * Words of the interface: one entry = [zh-CN, en], so that no language can miss a line.
 * Owns: the language choice, filling `{name}` places, labels of kinds and lists, times and numbers in words.
 * Must not: spell a label that the record declarations own (server/kinds); those come from generated/kinds.ts.
 * Invariant: an unknown code is shown raw, never hidden.
 */
import { ref } from "vue";
import type { Held } from "../engine_types";
import type { ChoiceList, Kind } from "../generated/kinds";
import { account } from "./account";
import type { field } from "./field";
import { shell } from "./shell";

export type Locale = "zh" | "en";
export type Key = keyof typeof shell | keyof typeof account | keyof typeof field;
export type Params = Readonly<Record<string, string | number>>;

type Pair = readonly [string, string];
const words: Record<string, Pair> = { ...shell, ...account };
let KINDS: Readonly<Record<string, Kind>> = {};
let LISTS: Readonly<Record<string, ChoiceList>> = {};

/** The words of the work screens and of the records: not needed to paint the shell, so they are not in its bundle. */
export async function load_words(): Promise<void> {
  const [screens, kinds] = await Promise.all([import("./field"), import("../generated/kinds")]);
  Object.assign(words, screens.field);
  KINDS = kinds.KINDS;
  LISTS = kinds.LISTS;
}

const STORE = "xunan.locale";
export const locale = ref<Locale>(localStorage.getItem(STORE) === "en" ? "en" : "zh");
document.documentElement.lang = locale.value === "en" ? "en" : "zh-CN";

export function set_locale(next: Locale): void {
  locale.value = next;
  localStorage.setItem(STORE, next);
  document.documentElement.lang = next === "en" ? "en" : "zh-CN";
}

export function t(key: Key, params: Params = {}): string {
  const pair = words[key] ?? ([key, key] as const);
  const text = locale.value === "en" ? pair[1] : pair[0];
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in params ? String(params[name]) : whole));
}

const HELD = ["records", "photos", "tracks", "audio"] as const;

/** What is still here, every sort by its name; sorts of which there is nothing are left out. */
export function held_words(held: Held): string {
  const parts = HELD.filter((sort) => held[sort] > 0).map((sort) => t(`held.${sort}`, { n: held[sort] }));
  return parts.length > 0 ? parts.join(" / ") : t("held.records", { n: 0 });
}

const pick = (pair: { zh: string; en: string }): string => (locale.value === "en" ? pair.en : pair.zh);

export function kind_label(kind: string): string {
  const found = KINDS[kind];
  return found ? pick(found) : kind;
}

export function field_label(kind: string, name: string): string {
  const found = KINDS[kind]?.fields[name] ?? KINDS[kind]?.fields[name.split(".")[0] ?? ""];
  return found ? pick(found) : name;
}

const UNKNOWN_CHARACTERS_MAX = 40;

export function choice_label(list: string, code: unknown): string {
  if (typeof code !== "string" || code === "") return "";
  const found = LISTS[list]?.choices.find((choice) => choice.code === code);
  if (found) return pick(found);
  // Of a newer app, or of nobody: enough of it to be told apart, and no page of it.
  return code.length > UNKNOWN_CHARACTERS_MAX ? `${code.slice(0, UNKNOWN_CHARACTERS_MAX)}…` : code;
}

export function choice_codes(list: string): string[] {
  return (LISTS[list]?.choices ?? []).map((choice) => choice.code);
}

const two = (n: number): string => String(n).padStart(2, "0");

/** ISO text or milliseconds → milliseconds; NaN when there is nothing to show. */
export function to_ms(value: unknown): number {
  if (typeof value === "number") return value;
  return typeof value === "string" ? Date.parse(value) : Number.NaN;
}

export function clock(value: unknown): string {
  const at = new Date(to_ms(value));
  return Number.isNaN(at.getTime()) ? "" : `${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** "14:32" today, "11-21 14:32" this year, with the year otherwise. */
export function moment(value: unknown, now = Date.now()): string {
  const at = new Date(to_ms(value));
  if (Number.isNaN(at.getTime())) return "";
  const today = new Date(now);
  if (at.toDateString() === today.toDateString()) return clock(value);
  const day = `${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return at.getFullYear() === today.getFullYear()
    ? `${day} ${clock(value)}`
    : `${at.getFullYear()}-${day} ${clock(value)}`;
}

export function age(value: unknown, now = Date.now()): string {
  const at = to_ms(value);
  if (Number.isNaN(at)) return "";
  const minutes = Math.max(0, Math.round((now - at) / 60_000));
  if (minutes < 1) return t("age.now");
  if (minutes < 60) return t("age.minutes", { n: minutes });
  if (minutes < 1440) return t("age.hours", { n: Math.floor(minutes / 60) });
  return t("age.days", { n: Math.floor(minutes / 1440) });
}

/** Calendar date of this device, YYYY-MM-DD. */
export function today_text(now = Date.now()): string {
  const at = new Date(now);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

export function days_until(date: unknown, now = Date.now()): number {
  if (typeof date !== "string" || date === "") return Number.NaN;
  return Math.round((Date.parse(`${date}T00:00:00`) - Date.parse(`${today_text(now)}T00:00:00`)) / 86_400_000);
}

export function due_words(date: unknown): string {
  const left = days_until(date);
  if (Number.isNaN(left)) return "";
  if (left < 0) return t("due.over", { n: -left });
  if (left === 0) return t("due.today");
  return t("due.left", { n: left });
}

/** A span that is over, in words; what still runs is shown by `elapsed`. */
export function duration(ms: number): string {
  const minutes = Math.max(0, Math.round(ms / 60_000));
  if (minutes < 1) return t("duration.under");
  if (minutes < 60) return t("duration.minutes", { n: minutes });
  const [h, n] = [Math.floor(minutes / 60), minutes % 60];
  if (minutes < 1440) return n === 0 ? t("duration.hours", { h }) : t("duration.hours_minutes", { h, n });
  return t("duration.days", { n: Math.floor(minutes / 1440) });
}

export function elapsed(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(s / 3600)}:${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`;
}

export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  if (n < 1024 * 1024) return `${Math.round(n / 1024)} kB`;
  if (n < 1024 ** 3) return `${(n / 1024 ** 2).toFixed(1)} MB`;
  return `${(n / 1024 ** 3).toFixed(1)} GB`;
}
