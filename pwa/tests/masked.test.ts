/** Whose data a handheld holds: people of a station only while somebody signed in on it has a post there (P-40, P-45). */
import { expect, test, vi } from "vitest";
import { hazard, make_world, ready, SCOPE } from "./rig";
import { track } from "./tracked";

const person = (name: string) => ({ kind: "person", scope: SCOPE, f: { name } });

const told = (rec: string, kind: string, f: Record<string, string>) => ({
  rec, kind, scope: SCOPE, at: "2026-11-22T05:10:33+08:00", user: "u_head",
  f: Object.fromEntries(Object.entries({ scope: SCOPE, ...f }).map(([name, v]) => [name, { k: "reg", v, b: [] }])),
}); // biome-ignore format: one record

const names = (engine: { records(kind: string): { v: Record<string, unknown> }[] }) =>
  engine.records("person").map((rec) => rec.v.name);

/** A handheld with a roster from a pack, from a page and from its own hand. */
async function with_roster() {
  const world = make_world();
  world.server.push_other("b".repeat(16), 1, "00000000", told("0198-p1", "person", { name: "赵一" }));
  const engine = track(await ready(world));
  await engine.sync_now();
  world.server.push_other("c".repeat(16), 1, "00000000", told("0198-p2", "person", { name: "钱二" }));
  world.server.push_other("d".repeat(16), 1, "00000000", told("0198-h1", "hazard", { title: "裂缝" }));
  await engine.write([person("孙三")]);
  await engine.write([hazard("积水")]);
  await engine.sync_now();
  expect(names(engine).sort()).toEqual(["孙三", "赵一", "钱二"].sort());
  return { world, engine };
}

test("a post that is no longer at the station takes its people along, after unsent work, and nothing else", async () => {
  const { world, engine } = await with_roster();
  world.server.down = true;
  await engine.write([person("李四")]);
  world.server.down = false;
  world.server.masked = [SCOPE];
  await engine.sync_now();
  expect(world.server.log.filter((op) => op.line.includes("李四"))).toHaveLength(1);
  expect(names(engine)).toEqual([]);
  expect(engine.records("hazard")).toHaveLength(2);
  expect(world.incidents.filter((code) => code === "scope_purged")).toHaveLength(1);
  await engine.sync_now();
  expect(world.incidents).not.toContain("digest");
});

test("what went is gone from the disk, packs included, and comes back with a post", async () => {
  const { world, engine } = await with_roster();
  world.server.masked = [SCOPE];
  await engine.sync_now();
  await engine.close();
  world.server.down = true;
  const again = track(await world.open());
  await again.unlock("u_patrol07a", "123456");
  expect(names(again)).toEqual([]);
  expect(again.records("hazard")).toHaveLength(2);
  world.server.down = false;
  world.server.masked = [];
  world.server.epoch += 1;
  await again.sync_now();
  expect(names(again)).toHaveLength(3);
});

test("a sign-in that ran out delivers, is told so, and takes what only it had along", async () => {
  const { world, engine } = await with_roster();
  world.server.down = true;
  await engine.write([hazard("最后一条")]);
  world.server.down = false;
  world.server.signed_out = true;
  world.server.scopes = ["town"];
  await engine.sync_now();
  await vi.waitFor(() => expect(engine.session.needs_login).toBe(true));
  await engine.sync_now();
  expect(engine.status().pending_ops).toBe(0);
  expect([names(engine), engine.records("hazard")]).toEqual([[], []]);
  world.server.signed_out = false;
  world.server.scopes = ["town", SCOPE];
  await engine.login({ username: "patrol07a", password: "x" });
  await engine.sync_now();
  expect(engine.session.needs_login).toBe(false);
  await vi.waitFor(() => expect(names(engine)).toHaveLength(3));
});

test("a colleague's sign-in keeps what he may hold; who ran out is told", async () => {
  const { world, engine } = await with_roster();
  world.server.signed_out = true;
  await engine.sync_now();
  expect(engine.session.needs_login).toBe(true);
  expect(names(engine)).toHaveLength(3);
});
