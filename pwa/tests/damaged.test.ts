/** Bytes that changed on their way count as none: nothing is acknowledged that was not stored, nothing shown that was not said (P-31). */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { digest_of, is_damaged } from "../src/courier/digest";
import { hazard, make_world, ready } from "./rig";
import { track } from "./tracked";

const text = (value: string) => new TextEncoder().encode(value);

test("the digest is RFC 9530's, and what says nothing of the body is believed", () => {
  const known = createHash("sha256").update("x").digest("base64");
  expect(digest_of(text("x"))).toBe(`sha-256=:${known}:`);
  for (const told of [null, "", "sha-512=:AAAA:", "sha-256=AAAA"]) expect(is_damaged(told, text("x"))).toBe(false);
  expect(is_damaged(`sha-512=:AAAA:, ${digest_of(text("y"))}`, text("x"))).toBe(true);
});

test("a damaged answer acknowledges nothing; the same lines are asked about again and stand once", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  let damaged = 1;
  const honest = world.server.answer.bind(world.server);
  world.server.answer = (path, body, person) => {
    const answer = honest(path, body, person);
    if (path !== "/api/v1/sync" || damaged === 0) return answer;
    damaged -= 1;
    return new Response(answer.body, { headers: { "Unencoded-Digest": digest_of(text("something else")) } });
  };
  await engine.write([hazard("途中")]);
  await engine.sync_now();
  expect(engine.status().pending_ops).toBe(1);
  expect(world.server.log).toHaveLength(1);
  await engine.sync_now();
  expect(engine.status().pending_ops).toBe(0);
  expect(world.server.log).toHaveLength(1);
  expect(world.incidents).not.toContain("local_error");
});

test("what is sent names its digest as it is sent", async () => {
  const world = make_world();
  const seen: boolean[] = [];
  const { fetch } = world.server;
  world.server.fetch = async (input, init = {}) => {
    if (input.endsWith("/sync")) {
      const body = new Uint8Array(await new Response(init.body).arrayBuffer());
      const digest = new Headers(init.headers).get("Content-Digest");
      seen.push(digest !== null && !is_damaged(digest, body));
    }
    return fetch(input, init);
  };
  const engine = track(await ready(world));
  await engine.write([hazard("短"), hazard("长".repeat(2_000))]);
  await engine.sync_now();
  expect(seen.length).toBeGreaterThan(0);
  expect(seen).not.toContain(false);
});
