/**
 * Bytes of one track chunk: "XT1", then per fix differences as varints (server/centre/tracks.py reads the same).
 * Layout: magic "XT1" · varint count · per fix: varint Δt ms (first: UTC ms), zigzag Δlat e7, zigzag Δlon e7, varint acc dm.
 * Pure. Invariant: decode(encode(x)) = x for times that do not run backwards.
 */
export interface Fix {
  t_ms: number;
  lat_e7: number;
  lon_e7: number;
  acc_dm: number;
}
const MAGIC = [0x58, 0x54, 0x31];

/** Arithmetic instead of shifts: UTC milliseconds do not fit into 32 bits. */
function put(out: number[], value: number): void {
  let rest = value;
  while (rest >= 128) {
    out.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
}
const zigzag = (value: number): number => (value < 0 ? -value * 2 - 1 : value * 2);
const unzigzag = (value: number): number => (value % 2 === 1 ? -(value + 1) / 2 : value / 2);

export function encode_track(fixes: readonly Fix[]): Uint8Array<ArrayBuffer> {
  const out = [...MAGIC];
  put(out, fixes.length);
  let last: Fix = { t_ms: 0, lat_e7: 0, lon_e7: 0, acc_dm: 0 };
  for (const fix of fixes) {
    put(out, Math.max(0, fix.t_ms - last.t_ms));
    put(out, zigzag(fix.lat_e7 - last.lat_e7));
    put(out, zigzag(fix.lon_e7 - last.lon_e7));
    put(out, fix.acc_dm);
    last = fix;
  }
  return new Uint8Array(out);
}

export function decode_track(data: Uint8Array): Fix[] {
  if (MAGIC.some((byte, i) => data[i] !== byte)) return [];
  let at = MAGIC.length;
  const take = (): number => {
    let value = 0;
    for (let scale = 1; at < data.length; scale *= 128) {
      const byte = data[at++] ?? 0;
      value += (byte % 128) * scale;
      if (byte < 128) break;
    }
    return value;
  };
  const count = take();
  const fixes: Fix[] = [];
  let last: Fix = { t_ms: 0, lat_e7: 0, lon_e7: 0, acc_dm: 0 };
  while (fixes.length < count && at < data.length) {
    last = { t_ms: last.t_ms + take(), lat_e7: last.lat_e7 + unzigzag(take()), lon_e7: last.lon_e7 + unzigzag(take()), acc_dm: take() };
    fixes.push(last);
  }
  return fixes;
}
