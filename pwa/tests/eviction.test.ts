/** The browser throws the databases away: nothing unsent goes uncounted, nothing is counted twice (property 18). */
import { expect, test } from "vitest";
import { hazard, make_world, ready, type World } from "./rig";
import { close_all, track } from "./tracked";

const PARTS = ["ops", "view", "blobs", "drafts", "keys"];

const drop = (world: World) =>
  Promise.all(
    PARTS.map(
      (part) =>
        new Promise((done) => {
          indexedDB.deleteDatabase(`${world.prefix}-${part}`).onsuccess = done;
        }),
    ),
  );

const note = (world: World) => JSON.parse(world.local.get(`${world.prefix}-sentinel`)!);

/** A device without a network, with two ops and a photo that belongs to one of them. */
async function fill(world: World) {
  const engine = track(await ready(world));
  world.server.down = true;
  await engine.write([hazard("一")]);
  const { recs } = await engine.write([hazard("二")]);
  const photo = { role: "evidence", mime: "image/jpeg", owner: recs[0]!, owner_kind: "hazard" };
  await engine.keep_file(new Blob(["photo"]), photo);
  return engine;
}

test("photos count as lost too, also when their record had left", async () => {
  const world = make_world();
  await fill(world);
  expect(note(world)).toMatchObject({ pending: 2, files: 1, lost: 0 });
  await close_all();
  await drop(world);
  expect(track(await world.open()).status().lost).toBe(3);
});

test("what was lost is said at every start, and counted once, whatever is thrown away next", async () => {
  const world = make_world();
  await fill(world);
  await close_all();
  for (let start = 0; start < 3; start += 1) {
    await drop(world);
    expect(track(await world.open()).status().lost).toBe(3);
    await close_all();
  }
});

test("a kill between noticing and beginning anew forgets nothing", async () => {
  const world = make_world();
  await fill(world);
  await close_all();
  await drop(world);
  const ports = world.ports();
  // The last moment before the new life is on disk.
  const random = () => {
    throw new Error("killed");
  };
  const { open_engine } = await import("../src/engine");
  await expect(open_engine({ ...ports, random })).rejects.toThrow("killed");
  expect(note(world)).toMatchObject({ pending: 0, files: 0, lost: 3 });
  expect(track(await world.open()).status().lost).toBe(3);
});

test("under an open page: the write is refused with its reason, and nothing unsent is shown as kept", async () => {
  const world = make_world();
  const engine = await fill(world);
  await drop(world);
  await expect(engine.write([hazard("三")])).rejects.toMatchObject({ code: "evicted" });
  expect(engine.status()).toMatchObject({ lost: 3, pending_ops: 0, pending_files: 0, attention: "lost" });
  expect(engine.records("hazard").map((rec) => rec.v.title)).not.toContain("一");
  world.server.down = false;
  await engine.sync_now();
  await close_all();
  const again = track(await world.open());
  expect(again.session.phase).toBe("new");
  expect(again.status().lost).toBe(3);
});
