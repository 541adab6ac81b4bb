/** Points of a patrol plan and the check-ins on them, as the wire holds them. Owns reading only. */
import { type LatLon, point_of } from "../../components/geo";

export interface PlanPoint {
  id: string;
  name: string;
  code: string;
  block: string;
  at: LatLon | null;
}
export interface Checkin {
  point_id: string;
  name: string;
  block: string;
  at: string;
  method: "gps" | "scan" | "manual";
  point?: { lat_e7: number; lon_e7: number; acc_dm: number };
  floor?: string;
  note?: string;
}

export function points_of(value: unknown): PlanPoint[] {
  if (!Array.isArray(value)) return [];
  return (value as Record<string, unknown>[])
    .filter((entry) => typeof entry?.id === "string" || typeof entry?.code === "string")
    .map((entry) => ({
      id: String(entry.id ?? entry.code),
      name: String(entry.name ?? entry.code ?? entry.id),
      code: String(entry.code ?? ""),
      block: String(entry.block ?? ""),
      at: point_of(entry.point),
    }));
}
