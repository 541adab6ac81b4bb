/** Two networks to one server (M-67): over when the first is silent, back within ten minutes, nothing lost or sent twice. */
import { expect, test } from "vitest";
import { Addresses, RETURN_MS } from "../src/courier/addresses";
import { hazard, make_world, ready } from "./rig";
import { track } from "./tracked";

const MINUTE_MS = 60_000;

function two(): { addresses: Addresses; clock: { now: number } } {
  const clock = { now: 0 };
  return { clock, addresses: new Addresses(() => ["a", "b"], () => clock.now) }; // biome-ignore format: one line
}

test("one silence is no reason to change, two are", () => {
  const { addresses } = two();
  addresses.silent();
  expect(addresses.current()).toBe("a");
  addresses.answered();
  addresses.silent();
  expect(addresses.current()).toBe("a");
  addresses.silent();
  expect(addresses.current()).toBe("b");
});

test("back to the first within ten minutes; while it is silent, one try is all it costs", () => {
  const { addresses, clock } = two();
  addresses.silent();
  addresses.silent();
  addresses.answered();
  clock.now += RETURN_MS;
  expect(RETURN_MS).toBeLessThan(10 * MINUTE_MS);
  expect(addresses.current()).toBe("a");
  addresses.silent();
  expect(addresses.current()).toBe("b");
  clock.now += RETURN_MS;
  expect(addresses.current()).toBe("a");
  addresses.answered();
  clock.now += RETURN_MS;
  expect(addresses.current()).toBe("a");
});

test("a clock set back does not keep a device away from the first address", () => {
  const { addresses, clock } = two();
  addresses.silent();
  addresses.silent();
  clock.now -= 10 * RETURN_MS;
  expect(addresses.current()).toBe("a");
});

test("with one address there is nothing to change to", () => {
  const addresses = new Addresses(() => ["a"], () => 0); // biome-ignore format: one line
  for (let i = 0; i < 5; i += 1) addresses.silent();
  expect(addresses.current()).toBe("a");
});

test("unsent work leaves over the second network when the first is gone", async () => {
  const world = make_world();
  world.server.addresses = ["http://town", "http://second"];
  const engine = track(await ready(world));
  world.server.gone_hosts.add("town");
  await engine.write([hazard("一")]);
  for (let i = 0; i < 3; i += 1) await engine.sync_now();
  expect(engine.status().pending_ops).toBe(0);
  expect(world.server.log).toHaveLength(1);
  expect(world.server.hosts.at(-1)).toBe("second");
  world.server.gone_hosts.clear();
  world.clock.now += RETURN_MS;
  await engine.write([hazard("二")]);
  await engine.sync_now();
  expect(world.server.log).toHaveLength(2);
  expect(world.server.hosts.at(-1)).toBe("town");
});
