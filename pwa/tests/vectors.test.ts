/**
 * The shared truth: every vector in ../tests/vectors must mean the same here as in sync/ (house_style 2.3).
 * Fails when no vector ran: an empty folder is a broken checkout, not a success.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { run_vector, type Vector } from "./vector_runner";

const folder = fileURLToPath(new URL("../../tests/vectors/", import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith(".json") && name !== "schema.json");
let found = 0;

for (const name of files) {
  const { vectors } = JSON.parse(readFileSync(folder + name, "utf8")) as { vectors: Vector[] };
  found += vectors.length;
  describe(name, () => {
    for (const vector of vectors) test(vector.name, () => run_vector(vector));
  });
}

test("there were vectors to run", () => {
  expect(found).toBeGreaterThanOrEqual(40);
});
