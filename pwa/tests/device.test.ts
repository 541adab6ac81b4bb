/** Device logic that needs no device: tracks, gaps, scanners, photo facts, PIN waits, batches. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { plan_backoff_ms, plan_batch } from "../src/courier/plan";
import { iso_with_offset } from "../src/device/clock";
import { read_exif } from "../src/device/exif";
import { one_fix } from "../src/device/geolocation";
import { fit_side, PHOTO_SIDE_MAX } from "../src/device/photo_sizes";
import { WedgeReader } from "../src/device/scanner";
import { type Chunk, type Gap, TrackRecorder } from "../src/device/track";
import { decode_track, encode_track, type Fix, quantise } from "../src/device/track_codec";
import { believed } from "../src/files/believed";
import { PIN_WAIT_MS_MAX, plan_pin_wait_ms } from "../src/store/pin_tries";

const T0 = Date.parse("2026-11-22T05:00:00+08:00");
const iso = (ms: number) => iso_with_offset(ms, 480);

function walk(): { recorder: TrackRecorder; fixes: Fix[]; gaps: Gap[]; chunks: Chunk[] } {
  const [fixes, gaps, chunks] = [[] as Fix[], [] as Gap[], [] as Chunk[]];
  const recorder = new TrackRecorder(
    { fix: (one) => fixes.push(one), gap: (one) => gaps.push(one), chunk: (one) => chunks.push(one) },
    iso,
    T0,
  );
  return { recorder, fixes, gaps, chunks };
}

const fix_at = (seconds: number): Fix => ({
  t: T0 + seconds * 1000,
  lat_e7: 309_000_000 + seconds * 130,
  lon_e7: 1_219_500_000 + seconds * 90,
  acc_dm: 50,
});

test("a track on foot costs at most five bytes a point", () => {
  const fixes = Array.from({ length: 1000 }, (_, i) => fix_at(i * 5));
  expect(encode_track(fixes).length / fixes.length).toBeLessThanOrEqual(5);
});

test("a track chunk reads back what was written, to half a metre and a second", () => {
  const any_fix = fc.record({
    t: fc.integer({ min: 0, max: 4e12 }),
    lat_e7: fc.integer({ min: -900_000_000, max: 900_000_000 }),
    lon_e7: fc.integer({ min: -1_800_000_000, max: 1_800_000_000 }),
    acc_dm: fc.integer({ min: 0, max: 50_000 }),
  });
  fc.assert(
    fc.property(fc.array(any_fix, { maxLength: 50 }), (fixes) => {
      expect(decode_track(encode_track(fixes)).map(plain)).toEqual(fixes.map(quantise).map(plain));
    }),
    { numRuns: 200, seed: 7 },
  );
  expect(() => decode_track(encode_track([fix_at(1)]).subarray(0, 5))).toThrow("cut off");
});

/** -0 and 0 are the same place. */
const plain = (fix: Fix): Fix => ({
  t: fix.t + 0,
  lat_e7: fix.lat_e7 + 0,
  lon_e7: fix.lon_e7 + 0,
  acc_dm: fix.acc_dm + 0,
});

test("silence leaves a gap with its reason, and the line is cut there (M-17)", () => {
  const { recorder, gaps, chunks } = walk();
  recorder.add(fix_at(3));
  recorder.add(fix_at(8));
  recorder.silent("hidden");
  recorder.add(fix_at(60));
  recorder.finish(T0 + 61_000);
  expect(gaps).toEqual([{ from: iso(T0 + 8_000), to: iso(T0 + 60_000), reason: "hidden" }]);
  expect(chunks.map((one) => one.count)).toEqual([2, 1]);
  expect(chunks.map((one) => one.seq)).toEqual([0, 1]);
});

test("a pause is its own gap, and fixes during it are not kept", () => {
  const { recorder, gaps, fixes } = walk();
  recorder.add(fix_at(2));
  recorder.pause(T0 + 5_000);
  recorder.add(fix_at(10));
  recorder.resume(T0 + 305_000);
  recorder.finish(T0 + 306_000);
  expect(gaps.map((gap) => gap.reason)).toEqual(["paused"]);
  expect(fixes).toHaveLength(1);
});

test("a receiver that does not know where it is gives no place", async () => {
  const said = (latitude: number, longitude: number, accuracy = 8) => {
    const getCurrentPosition = (found: PositionCallback) =>
      found({ coords: { latitude, longitude, accuracy }, timestamp: T0 } as GeolocationPosition);
    vi.stubGlobal("navigator", { geolocation: { getCurrentPosition } });
    return one_fix();
  };
  expect(await said(30.9, 121.95)).toMatchObject({ lat_e7: 309_000_000, lon_e7: 1_219_500_000 });
  for (const nowhere of [said(0, 0), said(Number.NaN, 121.95), said(91, 0), said(30.9, 121.95, Number.NaN)])
    expect(await nowhere).toBeNull();
  vi.unstubAllGlobals();
});

test("no position at all is said too", () => {
  const { recorder, gaps, chunks } = walk();
  recorder.silent("denied");
  recorder.finish(T0 + 600_000);
  expect(gaps.map((gap) => gap.reason)).toEqual(["denied"]);
  expect(chunks).toEqual([]);
});

test("a hand scanner is told from a person by its speed", () => {
  const fast = new WedgeReader();
  const read = (reader: WedgeReader, text: string, gap: number) => {
    let at = 1_000;
    for (const key of text) {
      at += gap;
      reader.key(key, at);
    }
    return reader.key("Enter", at + gap);
  };
  expect(read(fast, "P-000123", 4)).toBe("P-000123");
  expect(read(new WedgeReader(), "P-000123", 80)).toBeNull();
  const mixed = new WedgeReader();
  mixed.key("x", 0);
  expect(read(mixed, "P-000123", 4)).toBe("P-000123");
});

test("photos keep their proportion by the longest side", () => {
  expect(fit_side(3000, 4000, PHOTO_SIDE_MAX)).toEqual({ width: 1200, height: 1600 });
  expect(fit_side(800, 600, PHOTO_SIDE_MAX)).toEqual({ width: 800, height: 600 });
});

test("a photo without facts, or a lying one, is still a photo", () => {
  expect(read_exif(new ArrayBuffer(0))).toEqual({ taken_at: null, point: null });
  const lying = new Uint8Array([
    0xff, 0xd8, 0xff, 0xe1, 0xff, 0xff, 0x45, 0x78, 0x69, 0x66, 0, 0, 0x49, 0x49, 42, 0, 0xff, 0xff, 0xff, 0xff,
  ]);
  expect(read_exif(lying.buffer)).toEqual({ taken_at: null, point: null });
});

test("photos nobody here made are read or left alone, and never claim a place that is none", () => {
  const shared = join(import.meta.dirname, "../../../shared/data/photos");
  const names = existsSync(shared) ? readdirSync(shared, { recursive: true, encoding: "utf8" }) : [];
  const photos = names.map((name) => join(shared, name)).filter((path) => statSync(path).isFile());
  const made = tiff_jpeg(310_000_000, 1);
  const blocks = [made, made.slice(0, 60), ...photos.map((path) => readFileSync(path).subarray(0, 256 * 1024))];
  for (const block of blocks) {
    const { taken_at, point } = read_exif(Uint8Array.from(block).buffer);
    if (taken_at !== null) expect(taken_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$/);
    if (point === null) continue;
    expect(Number.isSafeInteger(point.lat_e7) && Number.isSafeInteger(point.lon_e7)).toBe(true);
    expect(Math.abs(point.lat_e7)).toBeLessThanOrEqual(900_000_000);
    expect(Math.abs(point.lon_e7)).toBeLessThanOrEqual(1_800_000_000);
  }
});

test("a place is read from its rationals, and 0,0, off the earth or over nothing is none", () => {
  const place = (degrees: number, over: number) => read_exif(Uint8Array.from(tiff_jpeg(degrees, over)).buffer).point;
  expect(place(31, 1)).toEqual({ lat_e7: 310_000_000, lon_e7: 310_000_000 });
  expect(place(0, 1)).toBeNull();
  expect(place(91, 1)).toBeNull();
  expect(place(31, 0)).toBeNull();
  expect(place(0xffffffff, 1)).toBeNull();
});

test("a clock that was never set, or runs years ahead, does not say when a photo was taken", () => {
  const now = Date.parse("2026-11-22T05:00:00+08:00");
  const claims = [
    "1901-12-13T20:45:52+08:00",
    "0000-00-00T00:00:00+08:00",
    "2099-01-01T00:00:00+08:00",
    "2026-13-45T99:99:99+08:00",
  ];
  for (const claim of [...claims, null]) expect(believed(claim, now)).toBeNull();
  expect(believed("2026-11-22T04:59:00+08:00", now)).toBe("2026-11-22T04:59:00+08:00");
});

/** A JPEG head whose EXIF says latitude and longitude `degrees`/`over`, 0, 0. */
function tiff_jpeg(degrees: number, over: number): number[] {
  const u16 = (n: number) => [n >> 8, n & 255];
  const u32 = (n: number) => [...u16(Math.floor(n / 65_536)), ...u16(n % 65_536)];
  const entry = (tag: number, type: number, count: number, value: number) => [
    ...u16(tag),
    ...u16(type),
    ...u32(count),
    ...u32(value),
  ];
  // Offsets from the TIFF header: one entry at 8, the GPS block at 26, three rationals at 56.
  const root = [...u16(1), ...entry(0x8825, 4, 1, 26), ...u32(0)];
  const gps = [...u16(2), ...entry(2, 5, 3, 56), ...entry(4, 5, 3, 56), ...u32(0)];
  const rationals = [...u32(degrees), ...u32(over), ...u32(0), ...u32(1), ...u32(0), ...u32(1)];
  const tiff = [0x4d, 0x4d, 0, 42, ...u32(8), ...root, ...gps, ...rationals];
  return [0xff, 0xd8, 0xff, 0xe1, ...u16(tiff.length + 8), 0x45, 0x78, 0x69, 0x66, 0, 0, ...tiff];
}

test("PIN waits grow and stay bounded; back-off never gives up", () => {
  expect([1, 4, 5, 6].map(plan_pin_wait_ms)).toEqual([0, 0, 30_000, 60_000]);
  expect(plan_pin_wait_ms(500)).toBe(PIN_WAIT_MS_MAX);
  expect(plan_backoff_ms(1000, 1)).toBe(300_000);
  expect(plan_backoff_ms(0, 0)).toBe(1_000);
});

test("a batch always makes progress and never splits a group", () => {
  const line = (n: number, group: [string, number, number] | null = null, size = 10) => ({
    n,
    h: "",
    line: new Uint8Array(size),
    group,
  });
  expect(plan_batch([line(1, null, 300_000)])).toBe(1);
  expect(plan_batch([line(1), line(2, ["g", 0, 2]), line(3, ["g", 1, 2])], 2)).toBe(1);
  expect(plan_batch([line(2, ["g", 0, 2]), line(3, ["g", 1, 2])], 1)).toBe(2);
});

test("local time carries its offset", () => {
  expect(iso_with_offset(Date.UTC(2026, 10, 21, 21, 10, 33, 120), 480)).toBe("2026-11-22T05:10:33.120+08:00");
  expect(iso_with_offset(0, -210)).toBe("1969-12-31T20:30:00.000-03:30");
});
