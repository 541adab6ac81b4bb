/**
 * What a person typed, as it is put on the screen. Owns the one rule for every text of every template (vite.config.ts sets it in place
 * of Vue's own) and for the map.
 * Invariant: no character that turns the direction of writing reaches the screen: it would swap what stands around it, and one name
 * could pass for another. Only what is shown: records keep every character they came with. Scripts that run from right to left do so
 * without such characters.
 */
import { toDisplayString } from "vue";

const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

export function shown(value: unknown): string {
  return toDisplayString(value).replace(TURNS, "");
}
