/** The handheld masks what the centre masks, in the same way (M-50). */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { mask_field } from "../src/components/masking";

const SHARED = new URL("../../tests/masked_values.json", import.meta.url);
const cases = JSON.parse(readFileSync(SHARED, "utf8")) as [string, string, string][];

test.each(cases)("%s %s is shown as %s", (field, value, shown) => {
  expect(mask_field(field, value)).toBe(shown);
});

test("there is something to compare, and an unknown field is hidden whole", () => {
  expect(cases.length).toBeGreaterThan(15);
  expect(mask_field("situation", "独居")).toBe("***");
});
