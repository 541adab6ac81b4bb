/**
 * How values and authors of a record read in words.
 * Owns: turning a field value, a user id, a refered record into one line. Must not: write, or know any screen.
 * Invariant: a personal value is masked here unless the caller says it was unmasked.
 */
import type { Engine, Rec } from "../engine";
import { type Field, KINDS } from "../generated/kinds";
import { choice_label, kind_label, moment, t } from "../i18n";
import { mask_field } from "./masking";

export function field_of(kind: string, name: string): Field | undefined {
  return KINDS[kind]?.fields[name] ?? KINDS[kind]?.fields[name.split(".")[0] ?? ""];
}

export function user_name(engine: Engine, id: unknown): string {
  if (typeof id !== "string" || id === "") return "";
  const own = engine.session.users.find((user) => user.id === id);
  return own?.name ?? engine.session.names[id] ?? t("who.other", { id: id.replace(/^u_/, "").slice(0, 12) });
}

/** Who wrote a value, and on which device: 张三 · A 号终端. The name a device writes under is shown only where nothing else is known. */
export function writer_words(engine: Engine, head: { user: string; dev: string; mine: boolean }): string {
  const letter = engine.session.names[head.dev] ?? (head.mine ? engine.session.device?.letter : undefined);
  const device = letter === undefined ? "" : t("who.device", { letter });
  const known = [user_name(engine, head.user), device].filter(Boolean).join(" · ");
  return known || t("who.device", { letter: head.dev.slice(0, 4).toUpperCase() });
}

/** The one line that names a record. */
export function title_of(rec: Rec | undefined): string {
  if (rec === undefined) return t("record.unknown");
  const field = KINDS[rec.kind]?.title_field ?? "";
  const value: unknown = rec.v[field];
  const shown = value === undefined || value === null || value === "" ? rec.v.code : value;
  if (typeof shown !== "string" || shown === "") return kind_label(rec.kind);
  const declared = field_of(rec.kind, field);
  if (declared?.choices) return choice_label(declared.choices, shown);
  return declared && declared.privacy !== "none" ? mask_field(field, shown) : shown;
}

/** A record named so that a person knows it in a list: a transfer by its person, a lot by its supply. */
export function full_title(engine: Engine, rec: Rec | undefined): string {
  if (rec?.kind === "transfer") return `${title_of(engine.record(rec.v.person))} · ${title_of(rec)}`;
  if (rec?.kind === "unmask") return title_of(engine.record(rec.v.person));
  if (rec?.kind === "stock_lot") return `${title_of(engine.record(rec.v.item))} · ${title_of(rec)}`;
  if (rec?.kind === "stock_movement")
    return `${title_of(engine.record(rec.v.item))} · ${choice_label("movement_type", rec.v.movement_type)} ${String(rec.v.qty ?? "")}`;
  if (rec?.kind === "attachment") return choice_label("attachment_role", rec.v.role) || title_of(rec);
  if (rec?.kind === "patrol" && rec.v.plan) return title_of(engine.record(rec.v.plan));
  return title_of(rec);
}

/** Two texts kept as one. What is written is a value of the town, not a word of this screen: one mark in both languages. */
export const both_texts = (values: readonly unknown[]): string =>
  [...new Set(values.map((value) => String(value ?? "")))].filter(Boolean).join("；");

const degrees = (e7: unknown): string => (typeof e7 === "number" ? (e7 / 1e7).toFixed(5) : "");

export function value_words(engine: Engine, kind: string, name: string, value: unknown, unmasked = false): string {
  const field = field_of(kind, name);
  if (name === "life") return value === "deleted" ? t("value.deleted") : t("value.kept");
  if (value === null || value === undefined || value === "") return t("value.none");
  if (name.startsWith("ans.") && typeof value === "object" && "r" in value) {
    const answer = value as { r: string; note?: string };
    const word = answer.r === "ok" ? t("answer.ok") : answer.r === "bad" ? t("answer.bad") : t("answer.na");
    return answer.note ? `${word} · ${answer.note}` : word;
  }
  if (field === undefined) return typeof value === "string" ? value : JSON.stringify(value);
  if (field.privacy !== "none" && !unmasked) return mask_field(name, String(value));
  switch (field.type) {
    case "choice":
      return choice_label(field.choices ?? "", value);
    case "choices":
      return Array.isArray(value)
        ? value.map((code) => choice_label(field.choices ?? "", code)).join("、")
        : String(value);
    case "bool":
      return value === true ? t("value.yes") : t("value.no");
    case "time":
      return moment(value);
    case "user":
      return user_name(engine, value);
    case "ref": {
      const found = typeof value === "string" ? engine.record(value) : undefined;
      return found ? title_of(found) : t("record.unknown");
    }
    case "point": {
      const point = value as { lat_e7?: number; lon_e7?: number; acc_dm?: number };
      const about = point.acc_dm === undefined ? "" : t("point.about", { n: Math.round(point.acc_dm / 10) });
      return `${degrees(point.lat_e7)}, ${degrees(point.lon_e7)}${about}`;
    }
    case "text":
      return choice_block(engine, name, value);
    default:
      if (typeof value === "object") return JSON.stringify(value);
      return field.unit ? `${String(value)} ${field.unit}` : String(value);
  }
}

function choice_block(engine: Engine, name: string, value: unknown): string {
  return name === "block" ? block_name(engine, value) : String(value);
}

/** A block's name from its code; the code itself when the grid is not on this device. */
export function block_name(engine: Engine, code: unknown): string {
  if (typeof code !== "string" || code === "") return "";
  const cell = engine.records("grid_cell").find((rec) => rec.v.code === code);
  return typeof cell?.v.name === "string" ? cell.v.name : code;
}
