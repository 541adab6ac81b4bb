import { describe, expect, test } from "vitest";
import { plan_failure, TRIES_MAX } from "../src/files/upload_queue";

describe("a failed upload", () => {
  test.each([0, 401, 408, 423, 429, 502, 503, 504, 507])(
    "%i says nothing about the file: it is tried for ever",
    (status) => {
      let tries = 0;
      for (let i = 0; i < 1000; i += 1) {
        const plan = plan_failure(status, tries);
        expect(plan.dead).toBe(false);
        tries = plan.tries;
      }
      expect(tries).toBe(0);
    },
  );

  test.each([404, 409, 410, 460, 500])(
    "%i may be the file's own fault: it is reported after the last try",
    (status) => {
      let tries = 0;
      for (let i = 1; i < TRIES_MAX; i += 1) {
        const plan = plan_failure(status, tries);
        expect(plan.dead).toBe(false);
        tries = plan.tries;
      }
      expect(plan_failure(status, tries).dead).toBe(true);
    },
  );

  test.each([400, 403, 413, 415, 422])("%i is a refusal that stays: a person is told at once", (status) => {
    expect(plan_failure(status, 0).dead).toBe(true);
  });

  test("an upload the server forgot begins anew", () => {
    expect([404, 410, 503].map((status) => plan_failure(status, 0).begin_anew)).toEqual([true, true, false]);
  });
});
