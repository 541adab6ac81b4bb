/** What lies in clear on a lost handheld only delivers: to receive takes somebody who unlocked since the start (P-42). */
import { expect, test, vi } from "vitest";
import { hazard, make_world, ready, SCOPE } from "./rig";
import { track } from "./tracked";

const titles = (engine: { records(kind: string): { v: Record<string, unknown> }[] }) =>
  engine.records("hazard").map((rec) => rec.v.title);

const told = (title: string, n = 1) => ({
  rec: `0198-${n}`, kind: "hazard", scope: SCOPE, at: "2026-11-22T05:10:33+08:00", user: "u_head",
  f: { scope: { k: "reg", v: SCOPE, b: [] }, title: { k: "reg", v: title, b: [] } },
}); // biome-ignore format: one record

test("started and not unlocked: what was unsent leaves, nothing comes in, and the data is as old as it is", async () => {
  const world = make_world();
  const first = await ready(world);
  const as_of = first.status().data_as_of_ms;
  world.server.down = true;
  await first.write([hazard("离线")]);
  await first.sync_now();
  await first.close();

  world.server.down = false;
  world.server.push_other("b".repeat(16), 1, "00000000", told("同事"));
  world.clock.now += 3_600_000;
  const engine = track(await world.open());
  await vi.waitFor(() => expect(engine.status().pending_ops).toBe(0));
  expect(world.server.log).toHaveLength(2);
  expect(titles(engine)).toEqual(["离线"]);
  expect(engine.status().data_as_of_ms).toBe(as_of);
  expect(engine.session.needs_login).toBe(false);

  await engine.unlock("u_patrol07a", "123456");
  await vi.waitFor(() => expect(titles(engine).sort()).toEqual(["同事", "离线"]));
});

test("locked while running: it goes on receiving; logged out: no more", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  engine.lock();
  world.server.push_other("b".repeat(16), 1, "00000000", told("同事"));
  await engine.sync_now();
  expect(titles(engine)).toEqual(["同事"]);
  await engine.unlock("u_patrol07a", "123456");
  await engine.logout();
  world.server.push_other("c".repeat(16), 1, "00000000", told("后来", 2));
  await engine.sync_now();
  expect(titles(engine)).toEqual(["同事"]);
});

test("a tab that leads and is locked receives for the tab where somebody unlocked", async () => {
  const world = make_world();
  await (await ready(world)).close();
  const leader = track(await world.open());
  const second = track(await world.open());
  await second.unlock("u_patrol07a", "123456");
  world.server.push_other("b".repeat(16), 1, "00000000", told("同事"));
  await second.sync_now();
  await vi.waitFor(() => expect(titles(second)).toEqual(["同事"]));
  expect(leader.session.user).toBe(null);
});

test("a sign-in the server does not know still delivers, and asks for a new one", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  world.server.unknown_grants = true;
  await engine.write([hazard("一")]);
  await vi.waitFor(() => expect(engine.session.needs_login).toBe(true));
  await engine.sync_now();
  expect(engine.status().pending_ops).toBe(0);
  expect(world.server.log).toHaveLength(1);
  expect(engine.session.needs_login).toBe(true);
  world.server.unknown_grants = false;
  await engine.login({ username: "patrol07a", password: "x" });
  await engine.sync_now();
  expect(engine.session.needs_login).toBe(false);
});

test("an ended sign-in purges what it brought, locked or not", async () => {
  const world = make_world();
  const first = await ready(world);
  world.server.push_other("b".repeat(16), 1, "00000000", told("同事"));
  await first.sync_now();
  await first.close();
  world.server.scopes = ["town"];
  const engine = track(await world.open());
  await vi.waitFor(() => expect(engine.records("hazard")).toEqual([]));
  expect(engine.session.needs_login).toBe(true);
});

test("an answer to the device alone that comes after the first sign-in does not end it", async () => {
  const world = make_world();
  let asked: () => void = () => undefined;
  let answer: () => void = () => undefined;
  const in_flight = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const signed_in = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const plain = world.ports;
  world.ports = () => {
    const ports = plain();
    const fetch: typeof ports.fetch = async (input, init) => {
      const found = await ports.fetch(input, init);
      if (!input.endsWith("/api/v1/sync")) return found;
      asked();
      await signed_in;
      return found;
    };
    return { ...ports, fetch };
  };
  const engine = track(await world.open());
  await engine.enrol({ code: "ABCD" });
  await in_flight;
  await engine.login({ username: "patrol07a", password: "x" });
  answer();
  await engine.set_pin("123456");
  await engine.sync_now();
  await vi.waitFor(() => expect(engine.status().data_as_of_ms).not.toBeNull());
  expect(engine.session.needs_login).toBe(false);
});
