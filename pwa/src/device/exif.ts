/**
 * When and where a photo was taken, read from its EXIF block before it is made smaller (which strips it).
 * Owns the few tags we keep. Pure; returns nulls for anything it does not understand, never throws.
 */
export interface PhotoFacts {
  /** ISO without offset if the camera gave none. */
  taken_at: string | null;
  point: { lat_e7: number; lon_e7: number } | null;
}

const NOTHING: PhotoFacts = { taken_at: null, point: null };
const TAG = {
  exif_ifd: 0x8769,
  gps_ifd: 0x8825,
  taken: 0x9003,
  offset: 0x9011,
  lat_ref: 1,
  lat: 2,
  lon_ref: 3,
  lon: 4,
};
const ENTRIES_MAX = 200;
const LAT_MAX_E7 = 900_000_000;
const LON_MAX_E7 = 1_800_000_000;

export function read_exif(buffer: ArrayBuffer): PhotoFacts {
  try {
    const view = new DataView(buffer);
    const start = find_tiff(view);
    return start === null ? NOTHING : read_tiff(view, start);
  } catch (error) {
    if (error instanceof RangeError) return NOTHING; // a cut or lying block: the photo itself is still good
    throw error;
  }
}

function find_tiff(view: DataView): number | null {
  if (view.byteLength < 4 || view.getUint16(0) !== 0xffd8) return null;
  let at = 2;
  while (at + 10 < view.byteLength) {
    const marker = view.getUint16(at);
    const length = view.getUint16(at + 2);
    if (marker === 0xffe1 && view.getUint32(at + 4) === 0x45786966) return at + 10;
    if ((marker & 0xff00) !== 0xff00 || marker === 0xffda || length < 2) return null;
    at += 2 + length;
  }
  return null;
}

function read_tiff(view: DataView, start: number): PhotoFacts {
  const little = view.getUint16(start) === 0x4949;
  const u16 = (at: number) => view.getUint16(start + at, little);
  const u32 = (at: number) => view.getUint32(start + at, little);
  const entries = (ifd: number): Map<number, number> => {
    const found = new Map<number, number>();
    const count = Math.min(u16(ifd), ENTRIES_MAX);
    for (let i = 0; i < count; i += 1) found.set(u16(ifd + 2 + i * 12), ifd + 2 + i * 12);
    return found;
  };
  const text = (entry: number): string => {
    const size = u32(entry + 4);
    const at = size <= 4 ? entry + 8 : u32(entry + 8);
    let out = "";
    for (let i = 0; i < Math.min(size, 64); i += 1) {
      const code = view.getUint8(start + at + i);
      if (code === 0) break;
      out += String.fromCharCode(code);
    }
    return out;
  };
  const degrees = (entry: number): number => {
    const at = u32(entry + 8);
    // Something over nothing is no number, and the place none (server/files/media.py).
    const part = (i: number) => u32(at + i * 8) / (u32(at + i * 8 + 4) || Number.NaN);
    return part(0) + part(1) / 60 + part(2) / 3600;
  };

  const root = entries(u32(4));
  const exif_at = root.get(TAG.exif_ifd);
  const gps_at = root.get(TAG.gps_ifd);
  const exif = exif_at === undefined ? new Map<number, number>() : entries(u32(exif_at + 8));
  const gps = gps_at === undefined ? new Map<number, number>() : entries(u32(gps_at + 8));
  const taken = exif.get(TAG.taken);
  const offset = exif.get(TAG.offset);
  return {
    taken_at: taken === undefined ? null : iso_time(text(taken), offset === undefined ? "" : text(offset)),
    point: place(gps, text, degrees),
  };
}

function iso_time(raw: string, offset: string): string | null {
  const found = /^(\d{4}):(\d{2}):(\d{2}) (\d{2}:\d{2}:\d{2})$/.exec(raw.trim());
  // A time without its offset would be a guess; the moment of attaching is then the better fact.
  if (found === null || !/^[+-]\d{2}:\d{2}$/.test(offset)) return null;
  return `${found[1]}-${found[2]}-${found[3]}T${found[4]}${offset}`;
}

function place(
  gps: Map<number, number>,
  text: (entry: number) => string,
  degrees: (entry: number) => number,
): PhotoFacts["point"] {
  const [lat, lon, lat_ref, lon_ref] = [TAG.lat, TAG.lon, TAG.lat_ref, TAG.lon_ref].map((tag) => gps.get(tag));
  if (lat === undefined || lon === undefined) return null;
  const south = lat_ref !== undefined && text(lat_ref).startsWith("S");
  const west = lon_ref !== undefined && text(lon_ref).startsWith("W");
  const lat_e7 = Math.round(degrees(lat) * 1e7) * (south ? -1 : 1);
  const lon_e7 = Math.round(degrees(lon) * 1e7) * (west ? -1 : 1);
  // 0,0 is what cameras write when they do not know.
  const nowhere = lat_e7 === 0 && lon_e7 === 0;
  if (!(Math.abs(lat_e7) <= LAT_MAX_E7 && Math.abs(lon_e7) <= LON_MAX_E7) || nowhere) return null;
  return { lat_e7: lat_e7 + 0, lon_e7: lon_e7 + 0 };
}
