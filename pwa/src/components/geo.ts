/**
 * Small plane geometry for one town: distances, point in polygon, reading wire geometry.
 * Owns no state. Units: metres, WGS-84 degrees; wire values are degrees × 1e7.
 */
import type { Rec } from "../engine";

export interface LatLon {
  lat: number;
  lon: number;
}

export function distance_m(a: LatLon, b: LatLon): number {
  const rad = Math.PI / 180;
  const x = (b.lon - a.lon) * rad * Math.cos(((a.lat + b.lat) / 2) * rad);
  const y = (b.lat - a.lat) * rad;
  return Math.hypot(x, y) * 6_371_000;
}

export function point_of(value: unknown): LatLon | null {
  const point = value as { lat_e7?: unknown; lon_e7?: unknown } | null | undefined;
  if (typeof point?.lat_e7 !== "number" || typeof point.lon_e7 !== "number") return null;
  return { lat: point.lat_e7 / 1e7, lon: point.lon_e7 / 1e7 };
}

/** Rings of a wire geometry as [lat, lon] pairs, the order Leaflet wants. */
export function rings_of(value: unknown): [number, number][][] {
  const rings = (value as { rings?: unknown } | null | undefined)?.rings;
  if (!Array.isArray(rings)) return [];
  return (rings as [number, number][][]).map((ring) => ring.map(([lon, lat]) => [lat / 1e7, lon / 1e7]));
}

export function inside(at: LatLon, rings: readonly (readonly [number, number])[][]): boolean {
  let odd = false;
  for (const ring of rings) {
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
      const [ay, ax] = ring[i] ?? [0, 0];
      const [by, bx] = ring[j] ?? [0, 0];
      if (ay > at.lat !== by > at.lat && at.lon < ((bx - ax) * (at.lat - ay)) / (by - ay) + ax) odd = !odd;
    }
  }
  return odd;
}

/** The block (责任块) a position lies in, from the grid on this device (M-05). */
export function block_at(at: LatLon, cells: readonly Rec[]): Rec | undefined {
  return cells.find((cell) => cell.v.level === "block" && inside(at, rings_of(cell.v.geometry)));
}
