/** Wall clock as text. Owns the ISO form with local offset that ops carry; pure. */

/** 2026-11-22T05:10:33.120+08:00. `offset_minutes` is what to add to UTC. */
export function iso_with_offset(ms: number, offset_minutes: number): string {
  const local = new Date(ms + offset_minutes * 60_000).toISOString().slice(0, 23);
  const sign = offset_minutes < 0 ? "-" : "+";
  const abs = Math.abs(offset_minutes);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${local}${sign}${two(Math.floor(abs / 60))}:${two(abs % 60)}`;
}

export const local_iso = (ms: number): string => iso_with_offset(ms, -new Date(ms).getTimezoneOffset());
