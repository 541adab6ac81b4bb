/** A device without any room (property 18): it unlocks and delivers, and no PIN is ever tried for free. */
import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import type { Engine } from "../src/engine";
import { open_databases } from "../src/store/open";
import { PinTries, plan_pin_wait_ms, STRIPS } from "../src/store/pin_tries";
import { empty, fill } from "./full_disk";
import { hazard, make_world, ready, type World } from "./rig";
import { close_all, track } from "./tracked";

const USER = "u_patrol07a";
const LONG_MS = 7_200_000;
const until = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 });
const photo = () => new Blob(["a photo"], { type: "image/jpeg" });
let used: string[] = [];

afterEach(() => {
  used.forEach(empty);
  used = [];
});

/** A new start of the app on the same disk. */
async function again(world: World, room = false): Promise<Engine> {
  await close_all();
  if (!room) fill(world.prefix);
  used.push(world.prefix);
  return track(await world.open());
}

const refuse = (engine: Engine, code: string, pin = "000000") =>
  expect(engine.unlock(USER, pin)).rejects.toMatchObject({ code });

test("without any room a device unlocks, and ops and photos leave", async () => {
  const world = make_world();
  const first = track(await ready(world));
  world.server.down = true;
  const { recs } = await first.write([hazard("满了之前")]);
  await first.attach("hazard", recs[0]!, photo(), { role: "photo" });
  const name = first.queue().files[0]!.sha256;
  for (let start = 0; start < 7; start += 1) {
    const engine = await again(world);
    await engine.unlock(USER, "123456");
    expect(engine.record(recs[0]!)?.v.title).toBe("满了之前");
    await expect(engine.write([hazard("放不下")])).rejects.toMatchObject({ name: "QuotaExceededError" });
  }
  const engine = await again(world);
  await engine.unlock(USER, "123456");
  world.server.down = false;
  await engine.sync_now();
  await until(() => expect(engine.status()).toMatchObject({ pending_ops: 0, pending_files: 0, attention: "no_room" }));
  expect(world.server.log).toHaveLength(2);
  expect(world.server.files.has(name)).toBe(true);

  // What could not be noted is sent and answered once more; a photo that arrived is no longer kept and not called lost.
  const later = await again(world);
  await later.unlock(USER, "123456");
  await later.sync_now();
  await until(() => expect(later.status()).toMatchObject({ pending_ops: 0, pending_files: 0, lost: 0 }));
  expect(world.server.log).toHaveLength(2);
  expect(later.queue().files).toEqual([]);

  empty(world.prefix);
  const roomy = await again(world, true);
  await roomy.unlock(USER, "123456");
  await roomy.write([hazard("又有空间")]);
  await roomy.sync_now();
  expect(roomy.status()).toMatchObject({ pending_ops: 0, attention: null });
  expect(world.server.log).toHaveLength(3);
});

test("without any room wrong PINs are counted over every new start, and the right one ends the count", async () => {
  const world = make_world();
  track(await ready(world));
  for (let i = 0; i < 4; i += 1) await refuse(await again(world), "pin_wrong");
  const engine = await again(world);
  await refuse(engine, "pin_wrong");
  await refuse(engine, "pin_wait", "123456");
  // A new start knows how often, not when: the wait begins anew.
  const anew = await again(world);
  await refuse(anew, "pin_wait", "123456");
  world.pass(29_000);
  await refuse(anew, "pin_wait", "123456");
  world.pass(2_000);
  await anew.unlock(USER, "123456");
  for (let i = 0; i < 4; i += 1) await refuse(await again(world), "pin_wrong");
  await (await again(world)).unlock(USER, "123456");
});

test("when every strip is torn no PIN is tried until there is room, and then the count goes on", async () => {
  const world = make_world();
  track(await ready(world));
  let engine = await again(world);
  for (let i = 0; i < STRIPS; i += 1) {
    await refuse(engine, "pin_wrong");
    world.pass(LONG_MS);
  }
  await expect(engine.unlock(USER, "123456")).rejects.toMatchObject({ name: "QuotaExceededError" });
  empty(world.prefix);
  engine = await again(world, true);
  await refuse(engine, "pin_wait", "123456");
  world.pass(LONG_MS);
  await engine.unlock(USER, "123456");
});

test("two pages share one count", async () => {
  const world = make_world();
  track(await ready(world));
  const pages = [await again(world, true), track(await world.open())];
  for (let i = 0; i < 5; i += 1) await refuse(pages[i % 2]!, "pin_wrong");
  for (const page of pages) await refuse(page, "pin_wait", "123456");
});

test("a photo the server confirmed gives way to new work", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  used.push(world.prefix);
  const { recs } = await engine.write([hazard("旧")]);
  await engine.attach("hazard", recs[0]!, photo(), { role: "photo" });
  await engine.sync_now();
  await until(() => expect(engine.queue().files[0]?.state).toBe("delivered"));
  fill(world.prefix, "blobs");
  await engine.write([hazard("新")]);
  expect(engine.records("hazard")).toHaveLength(2);
});

test("room or none, new starts or not: the count is that of a plain counter", async () => {
  const act = fc.constantFrom("wrong", "right", "fill", "empty", "start");
  let worlds = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: STRIPS / 2 }), async (acts) => {
      worlds += 1;
      const prefix = `tries${worlds}`;
      used.push(prefix);
      const dbs = open_databases(prefix);
      let now = 0;
      let tries = new PinTries(dbs, () => now);
      let fails = 0;
      await tries.forget(USER);
      for (const one of acts) {
        if (one === "fill") fill(prefix);
        if (one === "empty") empty(prefix);
        if (one === "start") tries = new PinTries(dbs, () => now);
        if (one !== "wrong" && one !== "right") continue;
        now += LONG_MS;
        let said = await tries.count(USER);
        if (said.refused) {
          now += LONG_MS;
          said = await tries.count(USER);
        }
        fails += 1;
        expect(said).toEqual({ refused: false, wait_until: now + plan_pin_wait_ms(fails) });
        if (one === "wrong") continue;
        await tries.forget(USER);
        fails = 0;
      }
      dbs.close();
    }),
    { numRuns: 150, seed: 11 },
  );
});
