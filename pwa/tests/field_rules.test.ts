/** Rules of the field work that decide what a person is shown: near duplicates. */
import { describe, expect, it } from "vitest";
import type { Rec } from "../src/engine";
import { pinned } from "../src/screens/field/checklist";
import { NEAR_M, near_duplicates } from "../src/screens/field/near";

const LAT_E7_PER_M = 1e7 / 111_195;
const at = (north_m: number) => ({ lat_e7: Math.round(309_000_000 + north_m * LAT_E7_PER_M), lon_e7: 1_219_500_000 });
function hazard(id: string, north_m: number | null, more: Record<string, unknown> = {}): Rec {
  const v = {
    hazard_type: "corridor_clutter",
    status: "found",
    ...(north_m === null ? {} : { point: at(north_m) }),
    ...more,
  };
  return { id, kind: "hazard", v } as unknown as Rec;
}

describe("near duplicates of a hazard", () => {
  it("names open hazards of the same type within 30 m, nearest first", () => {
    const found = near_duplicates(
      [hazard("far", 29), hazard("near", 4), hazard("out", NEAR_M + 2)],
      "corridor_clutter",
      at(0),
      "own",
    );
    expect(found.map((each) => [each.rec.id, each.away_m])).toEqual([
      ["near", 4],
      ["far", 29],
    ]);
  });
  it("leaves out other types, closed ones, the hazard itself and those without a position", () => {
    const others = [
      hazard("type", 1, { hazard_type: "ebike_charging" }),
      hazard("closed", 1, { status: "closed" }),
      hazard("own", 1),
      hazard("nowhere", null),
    ];
    expect(near_duplicates(others, "corridor_clutter", at(0), "own")).toEqual([]);
  });
  it("says nothing before the type is chosen or while there is no position", () => {
    expect(near_duplicates([hazard("a", 1)], null, at(0), "own")).toEqual([]);
    expect(near_duplicates([hazard("a", 1)], "corridor_clutter", null, "own")).toEqual([]);
  });
});

it("a checklist in hand keeps the words it was asked with when its template is rewritten (pinned)", () => {
  const rewritten = [
    {
      id: "s1",
      title: "楼道",
      items: [
        { id: "a", title: "新说法" },
        { id: "c", title: "新增项" },
      ],
    },
  ];
  const values = { "ans.a": { r: "ok", t: "老说法" }, "ans.b": { r: "bad", t: "已撤项" }, "ans.c": null, title: "x" };
  expect(pinned(rewritten, values, "原版").map((section) => section.items.map((item) => item.title))).toEqual([
    ["老说法", "新增项"],
    ["已撤项"],
  ]);
  expect(pinned(rewritten, {}, "原版")).toEqual(rewritten);
});
