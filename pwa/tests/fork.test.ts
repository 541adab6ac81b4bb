/** Forks: a disk was copied or set back, a server was set back. Nothing is lost, nothing is stored twice (P-23, P-24). */
import { expect, test } from "vitest";
import { hazard, json, make_world, ready, SCOPE, type World } from "./rig";
import { track } from "./tracked";

const other = (rec: string, f: Record<string, unknown>) => ({
  rec,
  kind: "hazard",
  scope: SCOPE,
  f,
  at: "2026-11-22T05:10:00.000+08:00",
  user: "u_other",
});
const to_titles = (world: World, rec: string) =>
  world.server.records
    .get(rec)!
    .record.reg.get("title")!
    .map(([, value]) => value);
test("a fork renumbers unsent ops and their parents, and nothing is lost or disputed (P-24)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  const { recs } = await engine.write([hazard("一")]);
  await engine.sync_now();
  const dev = world.server.log[0]!.dev;
  // A clone of this device wrote another op 2.
  const author = world.server.authors.get(dev)!;
  const clone = {
    ...other("01980000-0000-7000-8000-000000000001", {
      scope: { k: "reg", v: SCOPE, b: [] },
      title: { k: "reg", v: "克隆", b: [] },
    }),
  };
  author.acked_h = world.server.push_other(dev, 2, author.acked_h, clone);
  author.acked = 2;
  world.server.down = true;
  await engine.write([{ rec: recs[0]!, kind: "hazard", f: { title: "二" } }]);
  await engine.write([{ rec: recs[0]!, kind: "hazard", f: { title: "三" } }]);
  world.server.down = false;
  await engine.sync_now();
  await engine.sync_now();
  expect(world.incidents).toContain("fork");
  const own = world.server.log.filter((op) => op.dev !== dev);
  expect(own.map((op) => op.n)).toEqual([1, 2]);
  expect(to_titles(world, recs[0]!)).toEqual(["三"]);
  expect(engine.record(recs[0]!)?.v.title).toBe("三");
  expect(engine.conflicts()).toEqual([]);
  expect(engine.records("hazard")).toHaveLength(2);
});

test("copies of one disk that share unsent work store each op once (P-24, property 13)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  const { recs } = await engine.write([hazard("一")]);
  // The answer is lost: the server has op 1, the device does not know. Then a copy of the disk adds an op 2 of its own.
  world.server.lose_answers = 1;
  await engine.sync_now();
  const dev = world.server.log[0]!.dev;
  const author = world.server.authors.get(dev)!;
  author.acked_h = world.server.push_other(
    dev,
    2,
    author.acked_h,
    other("01980000-0000-7000-8000-000000000002", {
      scope: { k: "reg", v: SCOPE, b: [] },
      title: { k: "reg", v: "副本", b: [] },
    }),
  );
  author.acked = 2;
  await engine.write([{ rec: recs[0]!, kind: "hazard", f: { title: "二" } }]);
  await engine.sync_now();
  await engine.sync_now();
  expect(world.incidents).toContain("fork");
  expect(world.server.log.filter((op) => op.dev === dev).map((op) => op.n)).toEqual([1, 2]);
  expect(world.server.log.filter((op) => op.dev !== dev).map((op) => op.n)).toEqual([1]);
  expect(to_titles(world, recs[0]!)).toEqual(["二"]);
  expect(engine.status().pending_ops).toBe(0);
});

test("a server that comes back from a backup is given again what an earlier incarnation had delivered (P-23, P-24)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  const { recs } = await engine.write([hazard("一")]);
  await engine.sync_now();
  const dev = world.server.log[0]!.dev;
  const author = world.server.authors.get(dev)!;
  const copied = other("01980000-0000-7000-8000-000000000003", {
    scope: { k: "reg", v: SCOPE, b: [] },
    title: { k: "reg", v: "副本", b: [] },
  });
  author.acked_h = world.server.push_other(dev, 2, author.acked_h, copied);
  author.acked = 2;
  await engine.write([{ rec: recs[0]!, kind: "hazard", f: { title: "二" } }]);
  await engine.sync_now();
  await engine.sync_now();
  expect(world.incidents).toContain("fork");
  // The whole log is gone; nothing of it was called durable.
  world.server.log.length = 0;
  world.server.authors.clear();
  world.server.epoch += 1;
  await engine.sync_now();
  await engine.sync_now();
  expect(world.server.log.filter((op) => op.dev === dev).map((op) => op.n)).toEqual([1]);
  expect(to_titles(world, recs[0]!)).toEqual(["二"]);
  expect(engine.status().pending_ops).toBe(0);
});

test("a server set back to a backup is given the rest, also when all the backup holds was pruned here (P-23)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  const { recs } = await engine.write([hazard("一")]);
  await engine.sync_now();
  const set_back = world.server.backup();
  world.server.durable = 1;
  world.pass(31 * 86_400_000);
  await engine.write([{ rec: recs[0]!, kind: "hazard", f: { title: "二" } }]);
  await engine.sync_now();
  set_back();
  await engine.sync_now();
  expect(to_titles(world, recs[0]!)).toEqual(["二"]);
  expect(world.server.log.map((op) => op.n)).toEqual([1, 2]);
  expect(engine.status().pending_ops).toBe(0);
});

test("what was not compared yet is not pruned, however much the server calls durable (P-23, P-24)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  world.server.lose_answers = 1;
  const { recs } = await engine.write([hazard("一")]);
  world.server.down = true;
  for (const title of ["二", "三", "四"]) await engine.write([{ rec: recs[0]!, kind: "hazard", f: { title } }]);
  // All of it is delivered and backed up, but no answer came; a month later the link takes one op at a time.
  world.server.down = false;
  world.server.lose_answers = 1;
  await engine.sync_now();
  world.server.durable = 4;
  world.pass(31 * 86_400_000);
  const lines = (body: Uint8Array) => new TextDecoder().decode(body).trimEnd().split("\n").length;
  world.server.refuse = (path, body) => (path === "/api/v1/sync" && lines(body) > 2 ? json({}, 413) : null);
  for (let tries = 0; tries < 4; tries += 1) await engine.sync_now();
  expect(engine.status().pending_ops).toBe(0);
  expect(to_titles(world, recs[0]!)).toEqual(["四"]);
});

test("an edit kept aside for a person is replaced by its author's next one (property 6)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  const { recs } = await engine.write([hazard("一")]);
  await engine.sync_now();
  world.server.quarantine = () => true;
  const aside = await engine.write([{ rec: recs[0]!, kind: "hazard", f: { title: "二" } }]);
  await engine.sync_now();
  world.server.quarantine = () => false;
  await engine.write([{ rec: recs[0]!, kind: "hazard", f: { title: "三" } }]);
  await engine.sync_now();
  const last = JSON.parse(world.server.log.at(-1)!.line) as { f: { title: { b: string[] } } };
  expect(last.f.title.b).toContain(aside.stamps[0]!);
  expect(last.f.title.b).toHaveLength(2);
});

test("a node that has less than the backups hold is waited for, and nothing is skipped or stuck (P-23, P-60)", async () => {
  const world = make_world();
  const become_empty = world.server.backup();
  const engine = track(await ready(world));
  for (const title of ["一", "二", "三"]) await engine.write([hazard(title)]);
  await engine.sync_now();
  // In the centre's backup since long ago: the device keeps only the newest of them.
  world.server.durable = 3;
  world.pass(40 * 86_400_000);
  await engine.write([hazard("四")]);
  await engine.sync_now();
  const become_whole = world.server.backup();
  become_empty();
  await engine.write([hazard("五")]);
  await engine.sync_now();
  expect(world.server.log).toHaveLength(0);
  expect(engine.status().pending_ops).toBe(1);
  become_whole();
  await engine.sync_now();
  await engine.sync_now();
  expect(world.server.log.map((op) => JSON.parse(op.line).f.title.v)).toEqual(["一", "二", "三", "四", "五"]);
  expect(engine.status().pending_ops).toBe(0);
});
