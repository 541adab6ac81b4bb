/**
 * The shared truth: every vector in ../tests/vectors must mean the same here as in sync/ (house_style 2.3).
 * Fails when no vector ran: an empty folder is a broken checkout, not a success.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { run_vector, type Vector } from "./vector_runner";

const folder = fileURLToPath(new URL("../../tests/vectors/", import.meta.url));
const names = existsSync(folder)
  ? readdirSync(folder).filter((name) => name.endsWith(".json") && !name.includes("schema"))
  : [];
let ran = 0;

for (const name of names) {
  const file = JSON.parse(readFileSync(folder + name, "utf8")) as unknown;
  const vectors = (Array.isArray(file) ? file : ((file as { vectors?: unknown }).vectors ?? [])) as Vector[];
  describe(name, () => {
    for (const [index, vector] of vectors.entries()) {
      ran += 1;
      test(`${vector.name ?? vector.title ?? index}`, () => run_vector(name, vector));
    }
  });
}

test("vectors ran", () => {
  expect(ran).toBeGreaterThan(0);
});
