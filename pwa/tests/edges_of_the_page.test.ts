/** Where something from outside meets the page: messages to the worker, addresses with ids nobody chose. */
import { describe, expect, test } from "vitest";
import { match } from "../src/router";
import { asks_to_take_over } from "../src/take_over";

const OWN = "https://town.example";
const ask = { type: "SKIP_WAITING" };

describe("a message to the service worker (ASVS V3.5.5)", () => {
  test("from this origin and of this form asks for the new version", () => {
    expect(asks_to_take_over({ origin: OWN, data: ask }, OWN)).toBe(true);
  });

  test.each(["https://evil.example", "http://town.example", "https://town.example.evil.example", "null", ""])(
    "from %s says nothing",
    (origin) => {
      expect(asks_to_take_over({ origin, data: ask }, OWN)).toBe(false);
    },
  );

  test.each([null, undefined, "SKIP_WAITING", 7, [], {}, { type: "skip" }, { type: ["SKIP_WAITING"] }])(
    "of the form %j says nothing",
    (data) => {
      expect(asks_to_take_over({ origin: OWN, data }, OWN)).toBe(false);
    },
  );
});

describe("an id in an address (ASVS V1.2.2)", () => {
  test.each(["0198-a", "../..", "a/b", "a?b=c#d", "javascript:alert(1)", "%", "%E0%A4%A", "张三"])(
    "%s comes back as it was, or leads nowhere",
    (id) => {
      expect(match("/hazard/:id", `/hazard/${encodeURIComponent(id)}`)).toEqual({ id });
      expect([null, id]).toContain(match("/hazard/:id", `/hazard/${id}`)?.id ?? null);
    },
  );
});
