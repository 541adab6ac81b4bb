/** Names a hostile or newer author may choose: what every object inherits is no kind and no field of ours. */
import { expect, test, vi } from "vitest";
import { ERRORS } from "../src/generated/errors";
import { KINDS, LISTS } from "../src/generated/kinds";
import { make_world, ready, SCOPE } from "./rig";
import { track } from "./tracked";

test("kinds and fields called like inherited names are unknown ones (P-41)", async () => {
  for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
    expect(KINDS[name]).toBeUndefined();
    expect(LISTS[name]).toBeUndefined();
    expect(KINDS.hazard!.fields[name]).toBeUndefined();
  }
  const world = make_world();
  const engine = track(await ready(world));
  world.server.push_other("p".repeat(16), 1, "00000000", {
    rec: "01980000-0000-7000-8000-000000000009",
    kind: "constructor",
    scope: SCOPE,
    f: { scope: { k: "reg", v: SCOPE, b: [] }, constructor: { k: "reg", v: 1, b: [] } },
    at: "2026-11-22T05:10:00.000+08:00",
    user: "u_other",
  });
  await engine.sync_now();
  expect(engine.record("01980000-0000-7000-8000-000000000009")?.kind).toBe("constructor");
  expect(engine.records("hazard")).toEqual([]);
});

test("every refusal of the server is told in the words of the person, in both languages", async () => {
  // The sentences are the catalogue's; the rest of the words needs a page.
  const locale = { value: "zh" };
  vi.doMock("../src/i18n", () => ({ locale, t: (key: string) => key }));
  const { problem_words } = await import("../src/components/problems");
  for (const code of Object.keys(ERRORS)) {
    for (const [name, of_the_language] of [
      ["zh", /[\u4e00-\u9fff]/],
      ["en", /^[A-Z][^\u4e00-\u9fff]+\.$/],
    ] as const) {
      locale.value = name;
      const words = problem_words({ code, message: "SECRET" });
      expect(words, `${code} ${name}`).toMatch(of_the_language);
      expect(words).not.toMatch(/[{}]|SECRET|undefined|null/);
    }
  }
  vi.doUnmock("../src/i18n");
});
