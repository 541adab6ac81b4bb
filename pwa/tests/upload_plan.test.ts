import { describe, expect, test } from "vitest";
import { plan_failure, TRIES_MAX, type UploadDeps, UploadError, UploadQueue } from "../src/files/upload_queue";
import type { UploadRow } from "../src/store/open";

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

const waiting = (sha256: string): UploadRow => ({
  sha256,
  name: "",
  owner: "hazard",
  owner_kind: "hazard",
  role: "photo",
  mime: "image/jpeg",
  size: 7,
  state: "pending",
  sent: 0,
  tries: 0,
  next_try: null,
  url: null,
  why: null,
  created_ms: 0,
});

describe("a server that has had enough of a device", () => {
  test("is asked once, waited for as long as it said, and then gets every file", async () => {
    const rows = new Map(["a", "b", "c"].map((one) => [one, waiting(one)] as const));
    const asked: string[] = [];
    const timers: { ms: number; cb: () => void }[] = [];
    let now = 0;
    let braked = true;
    const queue = new UploadQueue({
      rows,
      blobs: { open: async () => new Blob(["content"]), put_upload: async () => undefined },
      transport: {
        post_json: async (_path: string, body: { sha256: string[] }) => ({
          have: body.sha256.map((sha256) => ({ sha256, size: 7, state: "stored" })),
        }),
      },
      upload: async (job: { sha256: string }) => {
        asked.push(job.sha256);
        if (braked) throw new UploadError(429, "too many", 40_000);
      },
      base: () => "http://town",
      token: () => "token",
      now: () => now,
      jitter: () => 0,
      set_timer: (ms: number, cb: () => void) => {
        timers.push({ ms, cb });
        return () => undefined;
      },
      changed: () => undefined,
    } as unknown as UploadDeps);
    await queue.wake();
    expect(asked).toEqual(["a"]);
    expect(timers.map((one) => one.ms)).toEqual([40_000]);
    expect(rows.get("a")).toMatchObject({ state: "held", tries: 0, why: "http_429" });
    braked = false;
    now += 40_000;
    timers[0]?.cb();
    await queue.wake();
    expect([...rows.values()].map((one) => one.state)).toEqual(["delivered", "delivered", "delivered"]);
  });
});
