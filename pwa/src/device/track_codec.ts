/**
 * Track chunks: delta varints of time, latitude, longitude and accuracy; about four bytes a point on foot.
 * Owns the byte format "XT1" (decoded by server/centre/tracks.py). Pure. A chunk is immutable; its sha256 is its name.
 * Layout: "XT1", varint count (zig-zag), then per point zig-zag LEB128 varints of the deltas of t (1 s), lat and lon
 * (50 e-7 degree = 0.55 m, below any handheld GPS) and accuracy (5 m). The first point's deltas are from zero.
 */
export interface Fix {
  /** UTC ms. */
  t: number;
  lat_e7: number;
  lon_e7: number;
  /** Accuracy in decimetres. */
  acc_dm: number;
}

const MAGIC = [0x58, 0x54, 0x31];
const STEP = { t: 1_000, deg: 50, acc: 50 } as const;
// The same bounds as in server/centre/tracks.py: both refuse the same bytes.
const LAT_MAX_E7 = 900_000_000;
const LON_MAX_E7 = 1_800_000_000;
const T_MAX_MS = 2 ** 40 * 1_000;
const POINTS_MAX = 200_000;

/** Whether the numbers are a moment and a position at all. */
export function on_earth(fix: Fix): boolean {
  const { t, lat_e7, lon_e7, acc_dm } = fix;
  return (
    Math.abs(t) <= T_MAX_MS &&
    Math.abs(lat_e7) <= LAT_MAX_E7 &&
    Math.abs(lon_e7) <= LON_MAX_E7 &&
    acc_dm >= 0 &&
    acc_dm < Number.POSITIVE_INFINITY
  );
}

function put_varint(out: number[], value: number): void {
  let rest = value >= 0 ? value * 2 : -value * 2 - 1;
  while (rest >= 128) {
    out.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
}

/** What is kept of a fix: whole seconds, half metres, 5 m of accuracy. */
export function quantise(fix: Fix): Fix {
  return {
    t: Math.round(fix.t / STEP.t) * STEP.t,
    lat_e7: Math.round(fix.lat_e7 / STEP.deg) * STEP.deg,
    lon_e7: Math.round(fix.lon_e7 / STEP.deg) * STEP.deg,
    acc_dm: Math.round(fix.acc_dm / STEP.acc) * STEP.acc,
  };
}

export function encode_track(fixes: readonly Fix[]): Uint8Array<ArrayBuffer> {
  const out = [...MAGIC];
  put_varint(out, fixes.length);
  let [t, lat, lon, acc] = [0, 0, 0, 0];
  for (const fix of fixes) {
    const at = Math.round(fix.t / STEP.t);
    const north = Math.round(fix.lat_e7 / STEP.deg);
    const east = Math.round(fix.lon_e7 / STEP.deg);
    const about = Math.round(fix.acc_dm / STEP.acc);
    put_varint(out, at - t);
    put_varint(out, north - lat);
    put_varint(out, east - lon);
    put_varint(out, about - acc);
    [t, lat, lon, acc] = [at, north, east, about];
  }
  return Uint8Array.from(out);
}

export function decode_track(bytes: Uint8Array): Fix[] {
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) throw new RangeError("not a track chunk");
  let at = MAGIC.length;
  const next = (): number => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[at];
      if (byte === undefined) throw new RangeError("track chunk is cut off");
      at += 1;
      value += (byte & 127) * scale;
      if (byte < 128) break;
      scale *= 128;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  };
  const count = next();
  if (!(count >= 0 && count <= POINTS_MAX)) throw new RangeError("track chunk of no such count");
  const fixes: Fix[] = [];
  let [t, lat, lon, acc] = [0, 0, 0, 0];
  for (let i = 0; i < count; i += 1) {
    t += next();
    lat += next();
    lon += next();
    acc += next();
    const fix = { t: t * STEP.t, lat_e7: lat * STEP.deg, lon_e7: lon * STEP.deg, acc_dm: acc * STEP.acc };
    if (!on_earth(fix)) throw new RangeError("track chunk is nowhere on earth");
    fixes.push(fix);
  }
  return fixes;
}
