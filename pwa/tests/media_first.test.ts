/** A file that cannot leave - its upload hangs for ever, or is refused - holds up no data (P-50, property 20). */
import { expect, test, vi } from "vitest";
import { hazard, make_world, ready, type World } from "./rig";
import { track } from "./tracked";

const HOW: [string, () => Promise<void>][] = [
  ["hangs", () => new Promise(() => undefined)],
  ["fails", () => Promise.reject(new TypeError("fetch failed"))],
];

const settle = async () => {
  for (let i = 0; i < 40; i += 1) await new Promise((done) => setImmediate(done));
};

function with_uploads(world: World, upload: () => Promise<void>): void {
  const { ports } = world;
  world.ports = () => ({ ...ports.call(world), upload });
}

for (const [what, upload] of HOW)
  test(`data leaves while an upload ${what}`, async () => {
    const world = make_world();
    with_uploads(world, upload);
    const engine = track(await ready(world));
    const { recs } = await engine.write([hazard("有照片")]);
    await engine.attach("hazard", recs[0]!, new Blob(["photo-bytes"], { type: "image/jpeg" }), { role: "photo" });
    await settle();
    // The upload is under way or has failed by now; what is written next goes all the same.
    await engine.write([hazard("后来的")]);
    await settle();
    expect(engine.status().pending_ops).toBe(0);
    expect(world.server.log).toHaveLength(3);
  });

test("files leave although each round is asked for another one", async () => {
  const world = make_world();
  let waking = true;
  let wake: () => void = () => undefined;
  const plain = world.ports;
  world.ports = () => {
    const ports = plain();
    const fetch: typeof ports.fetch = async (input, init) => {
      const found = await ports.fetch(input, init);
      if (waking && input.endsWith("/api/v1/sync")) wake();
      return found;
    };
    return { ...ports, fetch };
  };
  const engine = track(await ready(world));
  wake = () => void engine.sync_now();
  const { recs } = await engine.write([hazard("有照片")]);
  await engine.attach("hazard", recs[0]!, new Blob(["photo"], { type: "image/jpeg" }), { role: "photo" });
  await vi.waitFor(() => expect(engine.status().pending_files).toBe(0));
  expect(world.server.files.size).toBe(1);
  waking = false;
});
