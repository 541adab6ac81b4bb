/** Rows turn into packs: faster to open, and nothing shown changes, whatever happens in between (P-25, P-40). */
import { expect, test } from "vitest";
import type { Engine } from "../src/engine";
import { PACK_SIZE, plan_compact } from "../src/store/compact";
import type { Keyring } from "../src/store/keys";
import type { PackRow, ViewRow } from "../src/store/open";
import { make_world, ready, SCOPE, type World } from "./rig";
import { close_all, track } from "./tracked";

const OTHER = "p".repeat(16);
const id_of = (i: number) => `01980000-0000-7000-8000-${String(i).padStart(12, "0")}`;

/** Records of another device, pulled as pages: half hazards, half persons. */
async function pulled(world: World, count: number): Promise<Engine> {
  const engine = await ready(world);
  track(engine);
  let h = "00000000";
  for (let i = 1; i <= count; i += 1) {
    const person = i % 2 === 0;
    const title = { k: "reg", v: `记录${i}`, b: [] };
    h = world.server.push_other(OTHER, i, h, {
      rec: id_of(i),
      kind: person ? "person" : "hazard",
      scope: SCOPE,
      f: { scope: { k: "reg", v: SCOPE, b: [] }, [person ? "name" : "title"]: title },
      at: "2026-11-22T05:10:00.000+08:00",
      user: "u_other",
    });
  }
  await engine.sync_now();
  return engine;
}

async function stored(world: World, name: "packs" | "rows"): Promise<any[]> {
  const db = await new Promise<IDBDatabase>((done) => {
    const request = indexedDB.open(`${world.prefix}-view`);
    request.onsuccess = () => done(request.result);
  });
  const rows = await new Promise<any[]>((done) => {
    const request = db.transaction(name).objectStore(name).getAll();
    request.onsuccess = () => done(request.result);
  });
  db.close();
  return rows;
}

async function reopen(world: World): Promise<Engine> {
  await close_all();
  const engine = await world.open();
  track(engine);
  await engine.unlock("u_patrol07a", "123456");
  return engine;
}

const shown = (engine: Engine) =>
  ["hazard", "person"].flatMap((kind) => engine.records(kind).map((rec) => [rec.id, rec.v.title ?? rec.v.name])).sort();

test("many changed rows become packs at the next unlock, personal ones sealed, and everything is shown as before", async () => {
  const world = make_world();
  const before = shown(await pulled(world, PACK_SIZE + 20));
  expect(before).toHaveLength(PACK_SIZE + 20);
  expect(await stored(world, "rows")).toHaveLength(PACK_SIZE + 20);
  expect(shown(await reopen(world))).toEqual(before);
  const again = await reopen(world);
  expect(await stored(world, "rows")).toHaveLength(20);
  const [pack] = await stored(world, "packs");
  expect(JSON.parse(pack.plain).every((wire: { kind: string }) => wire.kind === "hazard")).toBe(true);
  expect(pack.sealed_ids).toHaveLength(PACK_SIZE / 2);
  expect(shown(again)).toEqual(before);
  await again.sync_now();
  expect(world.incidents).not.toContain("digest");
});

test("a page killed while packing keeps either all rows or the pack, never neither", async () => {
  const world = make_world();
  const before = shown(await pulled(world, PACK_SIZE));
  const remove = IDBObjectStore.prototype.delete;
  let left = PACK_SIZE;
  IDBObjectStore.prototype.delete = function (this: IDBObjectStore, key: IDBValidKey | IDBKeyRange) {
    const request = remove.call(this, key);
    left -= 1;
    if (left === 0) this.transaction.abort();
    return request;
  };
  try {
    await reopen(world);
    await close_all();
  } finally {
    IDBObjectStore.prototype.delete = remove;
  }
  expect(left).toBe(0);
  expect(await stored(world, "packs")).toHaveLength(0);
  expect(await stored(world, "rows")).toHaveLength(PACK_SIZE);
  expect(shown(await reopen(world))).toEqual(before);
});

test("purging a scope after packing removes its records for good", async () => {
  const world = make_world();
  await pulled(world, PACK_SIZE);
  await reopen(world);
  world.server.scopes = ["town"];
  const engine = await reopen(world);
  await engine.sync_now();
  expect(shown(engine)).toEqual([]);
  expect(shown(await reopen(world))).toEqual([]);
});

test("a record that moved to another scope stays a row while its older copy lies in the old scope's pack", async () => {
  const row = (i: number): ViewRow => {
    const wire = { id: id_of(i), kind: "hazard", scope: "station:b", seq: 100 + i };
    return { ...wire, gone: false, text: JSON.stringify(wire), sealed: null };
  };
  const rows = Array.from({ length: PACK_SIZE + 1 }, (_, i) => row(i));
  const old = JSON.stringify([{ id: id_of(0), kind: "hazard", scope: "station:a", seq: 1 }]);
  const packs: PackRow[] = [
    { scope: "station:a", part: 0, plain: old, sealed: null, sealed_ids: [] },
    { scope: "station:b", part: 3, plain: "[]", sealed: null, sealed_ids: [] },
  ];
  const plan = await plan_compact(packs, rows, {} as Keyring);
  expect(plan.packs.map((pack) => [pack.scope, pack.part, pack.states.length])).toEqual([["station:b", 4, PACK_SIZE]]);
  expect(plan.rows.map((one) => one.id)).not.toContain(id_of(0));
});
