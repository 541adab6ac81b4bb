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
