/** Signing in and what comes with it: an ended sign-in still delivers (P-40), colleagues have names. */
import { expect, test, vi } from "vitest";
import { hazard, make_world, ready } from "./rig";
import { track } from "./tracked";

test("an ended sign-in still delivers, and asks for a login (P-40)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  const { recs } = await engine.write([hazard("一")]);
  await engine.sync_now();
  world.server.scopes = ["town"];
  await engine.write([{ rec: recs[0]!, kind: "hazard", f: { title: "二" } }]);
  await engine.sync_now();
  expect(engine.status().pending_ops).toBe(0);
  expect(world.server.log).toHaveLength(2);
  expect(engine.session.needs_login).toBe(true);
});

test("colleagues are shown by name, offline too, and not while locked (M-46)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  await vi.waitFor(() => expect(engine.session.names).toEqual({ u_head: "站长甲" }));
  engine.lock();
  expect(engine.session.names).toEqual({});
  world.server.down = true;
  await engine.unlock("u_patrol07a", "123456");
  expect(engine.session.names).toEqual({ u_head: "站长甲" });
});

test("a device nobody here knows yet is asked for when it is shown, not at every look", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  await vi.waitFor(() => expect(engine.session.names).toEqual({ u_head: "站长甲" }));
  world.server.letters = [{ dev: "b".repeat(16), letter: "B3" }];
  await engine.refresh_names();
  expect(engine.session.names).toEqual({ u_head: "站长甲" });
  world.clock.now += 61_000;
  await engine.refresh_names();
  expect(engine.session.names).toEqual({ u_head: "站长甲", ["b".repeat(16)]: "B3" });
});

test("a sign-out without a network is told with the device's token at the next contact", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  world.server.down = true;
  await engine.logout();
  expect(engine.session.phase).toBe("enrolled");
  expect(world.server.ended).toEqual([]);
  world.server.down = false;
  await engine.sync_now();
  await vi.waitFor(() => expect(world.server.ended).toEqual([["Bearer device-token", "g_patrol07a"]]));
  await engine.sync_now();
  expect(world.server.ended).toHaveLength(1);
});

test("what a person has to do first stays with him until it is done, and comes back after a restart", async () => {
  const world = make_world();
  world.server.todo = ["password"];
  const engine = track(await ready(world));
  expect(engine.session.todo).toEqual(["password"]);
  engine.lock();
  expect(engine.session.todo).toEqual([]);
  await engine.unlock("u_patrol07a", "123456");
  expect(engine.session.todo).toEqual(["password"]);
  await engine.settle_todo("password");
  engine.lock();
  await engine.unlock("u_patrol07a", "123456");
  expect(engine.session.todo).toEqual([]);
});
