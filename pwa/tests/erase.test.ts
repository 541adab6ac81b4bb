/** What the town erased goes from the device as well: pulled state, own ops, photos, drafts, older copies in packs (P-43). */
import { expect, test } from "vitest";
import { erased_line } from "../src/core/stamp";
import { open_databases } from "../src/store/open";
import { make_world, ready, type World } from "./rig";
import { track } from "./tracked";

const NAME = "张三丰";
const SIZE = 9;
const PHOTO = () => new Blob([new Uint8Array(SIZE)], { type: "image/jpeg" });

/** Everything in the stores of a device that could be read with its keys: rows whole, sealed parts as they are. */
async function rows_of(world: World, store: "ops" | "packs" | "rows" | "blobs" | "uploads" | "drafts"): Promise<any[]> {
  const dbs = open_databases(world.prefix);
  const db: any = {
    ops: dbs.ops,
    packs: dbs.view,
    rows: dbs.view,
    blobs: dbs.blobs,
    uploads: dbs.blobs,
    drafts: dbs.drafts,
  };
  const found = await db[store].use((one: any) => one.getAll(store));
  dbs.close();
  return found;
}

async function a_person(world: World) {
  const engine = track(await ready(world));
  const { recs } = await engine.write([{ kind: "person", f: { name: NAME, phone: "13912345678" } }]);
  const rec = recs[0]!;
  const photo = await engine.attach("person", rec, PHOTO(), { role: "face" });
  await engine.sync_now();
  return { engine, rec, photo };
}

test("an erased person leaves no text, no photo and no draft on his own device, and the chain goes on", async () => {
  const world = make_world();
  const { engine, rec, photo } = await a_person(world);
  const typed = engine.drafts.put(`edit:${rec}:name`, { name: NAME });
  world.pass(1_000);
  await typed;
  expect(await rows_of(world, "drafts")).toHaveLength(1);
  expect(await rows_of(world, "blobs")).toHaveLength(1);
  world.server.erase([rec, photo]);
  await engine.sync_now();
  expect(engine.record(rec)).toBeUndefined();
  const own = (await rows_of(world, "ops")).filter((row) => row.rec === rec || row.rec === photo);
  expect(own).toHaveLength(2);
  for (const row of own) expect([row.line, row.sealed, row.bytes, row.erased]).toEqual([null, null, 0, true]);
  expect(await rows_of(world, "blobs")).toEqual([]);
  expect(await rows_of(world, "uploads")).toEqual([]);
  expect(await rows_of(world, "drafts")).toEqual([]);
  for (const row of await rows_of(world, "rows")) if (row.id === rec) expect(row.sealed).toBeNull();
  await engine.write([{ kind: "hazard", f: { title: "裂缝" } }]);
  await engine.sync_now();
  expect(engine.status().pending_ops).toBe(0);
});

test("a server that came back from before these ops gets their places without the text (P-23)", async () => {
  const world = make_world();
  const back = world.server.backup();
  const { engine, rec, photo } = await a_person(world);
  world.server.erase([rec, photo]);
  await engine.sync_now();
  const { h } = world.server.log[0]!;
  back();
  expect(world.server.log).toEqual([]);
  const { recs } = await engine.write([{ kind: "hazard", f: { title: "裂缝" } }]);
  await engine.sync_now();
  await engine.sync_now();
  expect(world.server.log.map((one) => one.rec)).toEqual([rec, photo, recs[0]]);
  expect(new TextEncoder().encode(world.server.log[0]!.line)).toEqual(erased_line(h, rec));
  expect(world.server.log[0]!.h).toBe(h);
  expect(engine.status().pending_ops).toBe(0);
});

test("what was written offline about an erased person is delivered for somebody to decide, with its photo", async () => {
  const world = make_world();
  const { engine, rec, photo } = await a_person(world);
  world.server.down = true;
  await engine.write([{ rec, kind: "person", f: { phone: "13811112222" } }]);
  await engine.attach("person", rec, new Blob([new Uint8Array(5)], { type: "image/jpeg" }), {
    role: "face",
  });
  world.server.erase([rec, photo]);
  world.server.down = false;
  await engine.sync_now();
  await engine.sync_now();
  expect(engine.status().pending_ops).toBe(0);
  const verdicts = world.server.log.map((one) => one.verdict);
  expect(verdicts.slice(0, 2)).toEqual(["erased", "erased"]);
  expect(verdicts[2]).toBe("quarantined");
  const mine = (await rows_of(world, "ops")).filter((row) => row.n > 2);
  expect(mine.map((row) => row.erased)).toEqual([undefined, undefined]);
  expect(await rows_of(world, "uploads")).toHaveLength(1);
});

test("a photo that another record names stays when the person goes", async () => {
  const world = make_world();
  const { engine, rec, photo } = await a_person(world);
  const hazard = (await engine.write([{ kind: "hazard", f: { title: "裂缝" } }])).recs[0]!;
  await engine.attach("hazard", hazard, PHOTO(), { role: "before" });
  await engine.sync_now();
  world.server.erase([rec, photo]);
  await engine.sync_now();
  expect(await rows_of(world, "blobs")).toHaveLength(1);
});

test("an older copy in a pack is written out of it, at the latest when the device is next unlocked", async () => {
  const world = make_world();
  const before = await a_person(world);
  // A device set up later has the person in a pack of its first sync.
  const second = make_world(2);
  second.server = world.server;
  const engine = track(await ready(second));
  await engine.sync_now();
  expect(engine.record(before.rec)?.v.name).toBe(NAME);
  const held = async () =>
    (await rows_of(second, "packs")).filter((pack) => pack.sealed_ids.some(([id]: any[]) => id === before.rec));
  expect(await held()).toHaveLength(1);
  engine.lock();
  world.server.erase([before.rec, before.photo]);
  await engine.sync_now();
  expect(await held()).toHaveLength(1);
  await engine.unlock("u_patrol07a", "123456");
  await engine.sync_now();
  await engine.close();
  expect(await held()).toHaveLength(0);
  expect((await rows_of(second, "rows")).filter((row) => row.erased)).toEqual([]);
});
