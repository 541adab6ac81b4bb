/** What a device does when its sign-in ended at the town: it delivers, keeps what it has, and says that somebody must sign in (P-40). */
import { expect, test } from "vitest";
import { hazard, make_world, ready } from "./rig";
import { track } from "./tracked";

test("an ended sign-in still delivers, purges nothing, and asks for a login (P-40)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  const { recs } = await engine.write([hazard("一")]);
  await engine.sync_now();
  world.server.scopes = [];
  await engine.write([{ rec: recs[0]!, kind: "hazard", f: { title: "二" } }]);
  await engine.sync_now();
  expect(engine.status().pending_ops).toBe(0);
  expect(world.server.log).toHaveLength(2);
  expect(engine.session.needs_login).toBe(true);
  expect(engine.record(recs[0]!)?.v.title).toBe("二");
});
