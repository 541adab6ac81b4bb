/** A server set back to a backup: what it had confirmed since is asked about again, files as well (P-23, P-50). */
import { expect, test, vi } from "vitest";
import { hazard, make_world, ready } from "./rig";
import { track } from "./tracked";

// More than are asked about at once.
const PHOTOS = 105;

test("a file the server lost with its backup is no longer called delivered, and is sent again", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  const { recs } = await engine.write([hazard("有照片")]);
  for (let i = 0; i < PHOTOS; i += 1)
    await engine.attach("hazard", recs[0]!, new Blob([`photo ${i}`], { type: "image/jpeg" }), { role: "photo" });
  await engine.sync_now();
  await vi.waitFor(() => expect(engine.status().pending_files).toBe(0), { timeout: 10_000 });
  expect(engine.record(recs[0]!)).toMatchObject({ delivery: "delivered", files: { delivered: PHOTOS } });

  const there = [...world.server.files.keys()];
  const lost = there.slice(0, 3);
  for (const name of lost) world.server.files.delete(name);
  world.server.epoch += 1;
  await engine.sync_now();
  await vi.waitFor(() => expect(engine.status().pending_files).toBe(lost.length), { timeout: 10_000 });
  expect(engine.record(recs[0]!)?.delivery).not.toBe("delivered");

  world.pass(60_000);
  await engine.sync_now();
  await vi.waitFor(() => expect(engine.status().pending_files).toBe(0), { timeout: 10_000 });
  expect([...world.server.files.keys()].sort()).toEqual(there.sort());
});
