/** A track is drawn only where it was walked: too late a fix and every pause cut it. */
import { describe, expect, it } from "vitest";
import { GAP_MS } from "../src/device/track";
import type { Fix } from "../src/device/track_codec";
import { segments_of } from "../src/screens/field/segments";

const fix = (t: number): Fix => ({ t, lat_e7: 309_000_000, lon_e7: 1_219_500_000, acc_dm: 60 }) as Fix;
const times = (segments: Fix[][]): number[][] => segments.map((segment) => segment.map((each) => each.t));

describe("segments of a track", () => {
  it("joins fixes that follow each other in time", () => {
    expect(times(segments_of([fix(0), fix(5000), fix(9000)]))).toEqual([[0, 5000, 9000]]);
  });
  it("cuts where the next fix comes too late", () => {
    expect(times(segments_of([fix(0), fix(GAP_MS + 1)]))).toEqual([[0], [GAP_MS + 1]]);
  });
  it("cuts where time runs backwards, be it by half a second", () => {
    expect(times(segments_of([fix(1000), fix(500), fix(1500)]))).toEqual([[1000], [500, 1500]]);
  });
  it("cuts at a pause however short it was", () => {
    expect(times(segments_of([fix(0), fix(1000), fix(3000), fix(4000)], [1500]))).toEqual([
      [0, 1000],
      [3000, 4000],
    ]);
    expect(times(segments_of([fix(0), fix(1000), fix(3000)], [1000]))).toEqual([[0, 1000], [3000]]);
  });
  it("cuts where the next fix is further than anybody gets, and joins what a car can do", () => {
    const north = (t: number, metres: number): Fix => ({ ...fix(t), lat_e7: 309_000_000 + Math.round(metres * 89.83) });
    expect(times(segments_of([north(0, 0), north(10_000, 1_100), north(15_000, 1_105)]))).toEqual([
      [0],
      [10_000, 15_000],
    ]);
    expect(times(segments_of([north(0, 0), north(10_000, 300)]))).toEqual([[0, 10_000]]);
  });
});
