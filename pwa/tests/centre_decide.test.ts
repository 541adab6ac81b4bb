/** A decision of the centre: its parents are exactly the heads on the screen, and a stocktake covers what was seen. */
import { describe, expect, test } from "vitest";
import { decision, vector_of } from "../src/screens/centre/decide";

const state = {
  ops: [
    ["aaaa:3:01", "u1", 1],
    ["aaaa:5:02", "u1", 2],
    ["bbbb:2:03", "u2", 3],
  ] as [string, string, number][],
  vv: { cccc: 9 },
  ctr: { on_hand: { c: [0, 12, 2, 10], d: [1, -2, []], seen: { dddd: 4 } } },
};

describe("decision of the centre", () => {
  test("a register decision lists every head it saw and what was shown", () => {
    expect(decision(state, "severity", "major", ["aaaa:3:01", "bbbb:2:03"], "general")).toEqual({
      k: "reg",
      v: "major",
      b: ["aaaa:3:01", "bbbb:2:03"],
      p: "general",
    });
  });
  test("a value that was never shown leaves no evidence", () => {
    expect(decision(state, "phone", "1", ["aaaa:3:01"], undefined)).toEqual({ k: "reg", v: "1", b: ["aaaa:3:01"] });
  });
  test("a stocktake decision covers earlier counts and the movements on the screen", () => {
    expect(decision(state, "on_hand", "11", ["aaaa:3:01", "bbbb:2:03"], 10)).toEqual({
      k: "count",
      v: 11,
      b: ["aaaa:3:01", "bbbb:2:03"],
      seen: { aaaa: 5, bbbb: 2, dddd: 4 },
    });
  });
  test("a decided deletion has seen everything folded so far", () => {
    expect(decision(state, "life", "deleted", ["aaaa:3:01"], null)).toMatchObject({ seen: vector_of(state) });
    expect(vector_of(state)).toEqual({ aaaa: 5, bbbb: 2, cccc: 9 });
  });
});
