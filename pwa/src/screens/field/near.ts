/**
 * Near duplicates of a hazard about to be recorded. Pure; must not know words or screens.
 * Invariant: it only warns. Two things of one kind may well stand side by side; saving is never refused for it.
 */
import { distance_m, point_of } from "../../components/geo";
import type { Rec } from "../../engine";

export const NEAR_M = 30;
export interface Near {
  rec: Rec;
  away_m: number;
}
/** Open hazards of the same type within 30 m, nearest first: perhaps the same thing, written down by somebody before. */
export function near_duplicates(hazards: readonly Rec[], type: unknown, point: unknown, own_id: string): Near[] {
  const at = point_of(point);
  if (at === null || typeof type !== "string" || type === "") return [];
  return hazards
    .filter((rec) => rec.id !== own_id && rec.v.hazard_type === type && rec.v.status !== "closed")
    .flatMap((rec) => {
      const there = point_of(rec.v.point);
      const away_m = there === null ? Number.POSITIVE_INFINITY : distance_m(at, there);
      return away_m <= NEAR_M ? [{ rec, away_m: Math.round(away_m) }] : [];
    })
    .sort((a, b) => a.away_m - b.away_m);
}
