/**
 * The declaration language as the device reads it. Mirrors sync/fields.py.
 * Owns the lookup of the field that governs a wire name; the declarations themselves are generated from server/kinds.
 * Must not know any concrete kind.
 */
import type { Field, Kind } from "../generated/kinds";

export type { Choice, ChoiceList, Field, FieldType, Kind, Merge } from "../generated/kinds";
export type Kinds = Readonly<Record<string, Kind>>;

/** The declared field that governs a wire name; `ans.17` is governed by the map field `ans`. */
export function field_of(kind: Kind | undefined, name: string): Field | undefined {
  if (kind === undefined) return undefined;
  if (Object.hasOwn(kind.fields, name)) return kind.fields[name];
  const dot = name.indexOf(".");
  if (dot < 0) return undefined;
  const parent = Object.hasOwn(kind.fields, name.slice(0, dot)) ? kind.fields[name.slice(0, dot)] : undefined;
  return parent?.merge === "map" ? parent : undefined;
}
