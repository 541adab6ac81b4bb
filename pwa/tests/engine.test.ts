/** The engine against a small server: what must hold whatever the network and the browser do (protocol section 9). */
import { expect, test } from "vitest";
import { count, inc, remove, resolve } from "../src/desk";
import type { Engine } from "../src/engine";
import { hazard, json, make_world, ready, SCOPE, START_MS, STATION, type World } from "./rig";
import { close_all, track, untrack } from "./tracked";

async function dump_database(name: string): Promise<string> {
  const db = await new Promise<IDBDatabase>((done, fail) => {
    const request = indexedDB.open(name);
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
  let text = "";
  for (const store of db.objectStoreNames) {
    const rows = await new Promise<any[]>((done) => {
      const request = db.transaction(store).objectStore(store).getAll();
      request.onsuccess = () => done(request.result);
    });
    const latin = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    text += JSON.stringify(rows, (_key, value) => (value instanceof Uint8Array ? latin(value) : value));
  }
  db.close();
  return text;
}

const other = (rec: string, f: Record<string, unknown>) => ({
  rec,
  kind: "hazard",
  scope: SCOPE,
  f,
  at: "2026-11-22T05:10:00.000+08:00",
  user: "u_other",
});
const OTHER = "p".repeat(16);

test("a saved record is there after the page dies, before any network (P-02, property 18)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  world.server.down = true;
  const { recs } = await engine.write([hazard("电线裸露")]);
  // No close: the page is simply gone. A second page opens the same databases.
  const again = track(await make_reopened(world));
  await again.unlock("u_patrol07a", "123456");
  expect(again.record(recs[0]!)?.v.title).toBe("电线裸露");
  expect(again.record(recs[0]!)?.delivery).toBe("local");
  expect(again.status().pending_ops).toBe(1);
});

async function make_reopened(world: World): Promise<Engine> {
  await close_all();
  return world.open();
}

test("what was saved offline is delivered once, also when the answer is lost (P-21)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  world.server.lose_answers = 1;
  const { recs } = await engine.write([hazard("堆物")]);
  await engine.sync_now();
  await engine.sync_now();
  expect(world.server.log.filter((op) => op.dev.length === 16)).toHaveLength(1);
  expect(engine.status().pending_ops).toBe(0);
  expect(engine.record(recs[0]!)?.delivery).toBe("delivered");
});

test("an edit made while its own push is in flight is neither lost nor in conflict with itself (P-25, property 5)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  const { recs } = await engine.write([hazard("一")]);
  const rec = recs[0]!;
  let edited: Promise<unknown> | null = null;
  world.server.before_answer = async () => {
    if (edited === null) edited = engine.write([{ rec, kind: "hazard", f: { title: "二" } }]);
    await edited;
  };
  await engine.sync_now();
  await edited;
  expect(engine.record(rec)?.v.title).toBe("二");
  world.server.before_answer = async () => undefined;
  await engine.sync_now();
  expect(engine.record(rec)?.v.title).toBe("二");
  expect(engine.record(rec)?.disputed).toEqual([]);
  expect(world.server.records.get(rec)!.record.reg.get("title")).toHaveLength(1);
});

test("a long chain of own edits over a flaky link never disputes itself (property 6)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  const { recs } = await engine.write([hazard("0")]);
  for (let i = 1; i <= 12; i += 1) {
    world.server.down = i % 3 === 0;
    world.server.lose_answers = i % 4 === 0 ? 1 : 0;
    await engine.write([{ rec: recs[0]!, kind: "hazard", f: { title: String(i) } }]);
    await engine.sync_now();
  }
  world.server.down = false;
  world.server.lose_answers = 0;
  await engine.sync_now();
  expect(engine.record(recs[0]!)?.v.title).toBe("12");
  expect(engine.conflicts()).toEqual([]);
  expect(to_titles(world, recs[0]!)).toEqual(["12"]);
});

const to_titles = (world: World, rec: string) =>
  world.server.records
    .get(rec)!
    .record.reg.get("title")!
    .map(([, value]) => value);

test("two unseen edits give one open conflict with both values, and a resolve closes it (property 7)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  const { recs, stamps } = await engine.write([hazard("原")]);
  const rec = recs[0]!;
  await engine.sync_now();
  world.server.down = true;
  await engine.write([{ rec, kind: "hazard", f: { title: "甲" } }]);
  world.server.push_other(OTHER, 1, "00000000", other(rec, { title: { k: "reg", v: "乙", b: [stamps[0]] } }));
  world.server.down = false;
  await engine.sync_now();
  const conflict = engine.conflicts().find((one) => one.rec === rec);
  expect(conflict?.heads.map((head) => head.value).sort()).toEqual(["乙", "甲"].sort());
  await engine.write([{ rec, kind: "hazard", f: { title: resolve("甲乙") } }]);
  await engine.sync_now();
  expect(engine.conflicts()).toEqual([]);
  expect(to_titles(world, rec)).toEqual(["甲乙"]);
});

test("a restored server is refilled without anyone's help (P-23)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  await engine.write([hazard("一")]);
  await engine.sync_now();
  const restore = world.server.backup();
  await engine.write([hazard("二")]);
  await engine.sync_now();
  restore();
  expect(world.server.log).toHaveLength(1);
  await engine.sync_now();
  await engine.sync_now();
  expect(world.server.log.map((op) => JSON.parse(op.line).f.title.v)).toEqual(["一", "二"]);
  expect(
    engine
      .records("hazard")
      .map((rec) => rec.v.title)
      .sort(),
  ).toEqual(["一", "二"].sort());
  expect(world.incidents).toContain("resend");
});

test("a database that came back from a backup takes a new identity before it writes twice (P-01, property 13)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  await engine.write([hazard("一")]);
  await engine.sync_now();
  const dev = world.server.log[0]!.dev;
  const author = world.server.authors.get(dev)!;
  author.acked_h = world.server.push_other(
    dev,
    2,
    author.acked_h,
    other("01980000-0000-7000-8000-000000000002", { title: { k: "reg", v: "x", b: [] } }),
  );
  author.acked = 2;
  await engine.sync_now();
  await engine.write([hazard("新")]);
  await engine.sync_now();
  expect(new Set(world.server.log.map((op) => op.dev)).size).toBe(2);
  expect(engine.status().pending_ops).toBe(0);
});

test("an evicted database is noticed and the lost ops are counted (property 18)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  world.server.down = true;
  await engine.write([hazard("一")]);
  await engine.write([hazard("二")]);
  await close_all();
  await new Promise((done) => {
    indexedDB.deleteDatabase(`${world.prefix}-ops`).onsuccess = done;
  });
  const again = track(await world.open());
  expect(again.status().lost).toBe(2);
  expect(world.incidents).toContain("evicted");
  await again.unlock("u_patrol07a", "123456");
  world.server.down = false;
  await again.write([hazard("三")]);
  await again.sync_now();
  expect(world.server.log).toHaveLength(1);
});

test("two pages share one engine; the other follows and takes over (property 17)", async () => {
  const world = make_world();
  const first = track(await ready(world));
  const second = track(await world.open());
  await second.unlock("u_patrol07a", "123456");
  const { recs } = await second.write([hazard("乙页")]);
  await settle();
  await first.sync_now();
  expect(world.locks.holders_max).toBe(1);
  expect(world.server.log).toHaveLength(1);
  expect(first.record(recs[0]!)?.v.title).toBe("乙页");
  const { recs: more } = await first.write([hazard("甲页")]);
  await settle();
  await second.write([hazard("又乙页")]);
  await first.sync_now();
  expect(world.server.log.map((op) => op.n)).toEqual([1, 2, 3]);
  await settle();
  expect(second.record(more[0]!)?.v.title).toBe("甲页");
  await first.close();
  untrack(first);
  await settle();
  await second.write([hazard("接管")]);
  await second.sync_now();
  expect(world.server.log).toHaveLength(4);
});

const settle = async () => {
  for (let i = 0; i < 40; i += 1) await new Promise((done) => setImmediate(done));
};

test("no name of a person stands in clear in any database, and locking hides it (M-46)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  const name = "王秀英甲乙丙";
  world.server.push_other(OTHER, 1, "00000000", {
    ...other("01980000-0000-7000-8000-00000000000a", {
      scope: { k: "reg", v: SCOPE, b: [] },
      name: { k: "reg", v: `${name}二`, b: [] },
    }),
    kind: "person",
  });
  const { recs } = await engine.write([{ kind: "person", scope: SCOPE, f: { name, phone: "13900001111" } }]);
  await engine.sync_now();
  const stored = engine.drafts.put("person", { name });
  world.pass(400);
  await stored;
  expect(engine.records("person")).toHaveLength(2);
  for (const store of ["ops", "view", "drafts", "keys"]) {
    const text = await dump_database(`${world.prefix}-${store}`);
    expect(text).not.toContain(name);
    expect(text).not.toContain("13900001111");
    expect(text).not.toContain("grant-patrol07a");
  }
  engine.lock();
  await settle();
  expect(engine.records("person")).toEqual([]);
  expect(await engine.drafts.get("person")).toBeUndefined();
  await engine.unlock("u_patrol07a", "123456");
  expect(engine.record(recs[0]!)?.v.name).toBe(name);
  expect(await engine.drafts.get("person")).toEqual({ name });
});

test("while locked other people's work still arrives, personal records sealed and readable after unlocking", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  engine.lock();
  await settle();
  const person = "01980000-0000-7000-8000-00000000000b";
  const h = world.server.push_other(OTHER, 1, "00000000", {
    ...other(person, { scope: { k: "reg", v: SCOPE, b: [] }, name: { k: "reg", v: "李大爷子丑", b: [] } }),
    kind: "person",
  });
  world.server.push_other(
    OTHER,
    2,
    h,
    other("01980000-0000-7000-8000-00000000000c", {
      scope: { k: "reg", v: SCOPE, b: [] },
      title: { k: "reg", v: "积水", b: [] },
    }),
  );
  await engine.sync_now();
  expect(engine.records("hazard").map((rec) => rec.v.title)).toEqual(["积水"]);
  expect(engine.records("person")).toEqual([]);
  expect(await dump_database(`${world.prefix}-view`)).not.toContain("李大爷");
  expect(world.incidents).not.toContain("digest");
  await engine.unlock("u_patrol07a", "123456");
  expect(engine.record(person)?.v.name).toBe("李大爷子丑");
});

test("a wrong PIN is refused, slowed down, and never opens anything", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  engine.lock();
  await settle();
  for (let i = 0; i < 5; i += 1)
    await expect(engine.unlock("u_patrol07a", "000000")).rejects.toMatchObject({ code: "pin_wrong" });
  await expect(engine.unlock("u_patrol07a", "123456")).rejects.toMatchObject({ code: "pin_wait" });
  expect(engine.session.phase).toBe("locked");
  world.pass(31_000);
  await engine.unlock("u_patrol07a", "123456");
  expect(engine.session.phase).toBe("open");
});

test("413 halves the batch down to one op and still makes progress (property 4)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  world.server.down = true;
  for (let i = 0; i < 9; i += 1) await engine.write([hazard(`h${i}`)]);
  world.server.down = false;
  world.server.refuse = (path, body) =>
    path === "/api/v1/sync" && new TextDecoder().decode(body).trimEnd().split("\n").length > 2
      ? json({ code: "too_large" }, 413)
      : null;
  await engine.sync_now();
  expect(world.server.log).toHaveLength(9);
  expect(engine.status().pending_ops).toBe(0);
});

test("a group is never split over batches (contract §2)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  world.server.down = true;
  for (let i = 0; i < 66; i += 1) await engine.write([hazard(`a${i}`), hazard(`b${i}`), hazard(`c${i}`)]);
  await engine.write(Array.from({ length: 7 }, (_, i) => hazard(`g${i}`)));
  world.server.down = false;
  world.server.requests = [];
  await engine.sync_now();
  expect(world.server.log).toHaveLength(205);
  const ends = new Set([...Array.from({ length: 66 }, (_, i) => (i + 1) * 3), 205]);
  let sent = 0;
  for (const { ops } of world.server.requests) {
    expect(ops).toBeLessThanOrEqual(200);
    sent += ops;
    if (ops > 0) expect(ends).toContain(sent);
  }
});

test("a first device loads snapshots and pages, and its digest agrees (P-28, P-29)", async () => {
  const world = make_world();
  let h = "00000000";
  for (let i = 1; i <= 1203; i += 1) {
    const rec = `01980000-0000-7000-8000-${String(i).padStart(12, "0")}`;
    h = world.server.push_other(
      OTHER,
      i,
      h,
      other(rec, { scope: { k: "reg", v: SCOPE, b: [] }, title: { k: "reg", v: `t${i}`, b: [] } }),
    );
  }
  const engine = track(await ready(world));
  expect(engine.records("hazard")).toHaveLength(1203);
  world.server.page_limit = 10;
  for (let i = 1204; i <= 1240; i += 1) {
    const rec = `01980000-0000-7000-8000-${String(i).padStart(12, "0")}`;
    h = world.server.push_other(
      OTHER,
      i,
      h,
      other(rec, { scope: { k: "reg", v: SCOPE, b: [] }, title: { k: "reg", v: `t${i}`, b: [] } }),
    );
  }
  await engine.sync_now();
  expect(engine.records("hazard")).toHaveLength(1240);
  expect(world.incidents).toEqual([]);
  const again = track(await make_reopened(world));
  expect(again.records("hazard")).toHaveLength(1240);
});

test("a hole in the view is found by the digest and fetched again (P-28)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  await engine.write([hazard("一")]);
  await engine.sync_now();
  const hidden = "01980000-0000-7000-8000-0000000000dd";
  world.server.push_other(
    OTHER,
    1,
    "00000000",
    other(hidden, { scope: { k: "reg", v: SCOPE, b: [] }, title: { k: "reg", v: "漏", b: [] } }),
  );
  const states = world.server.states.bind(world.server);
  world.server.states = (scopes, after) => states(scopes, after).filter((one) => after === 0 || one.id !== hidden);
  await engine.sync_now();
  expect(world.incidents).toContain("digest");
  expect(engine.record(hidden)?.v.title).toBe("漏");
});

test("a rebase reloads the view and never touches the outbox (P-27)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  await engine.write([hazard("一")]);
  await engine.sync_now();
  world.server.down = true;
  await engine.write([hazard("二")]);
  world.server.down = false;
  world.server.epoch += 1;
  await engine.sync_now();
  expect(world.incidents).toContain("rebase");
  expect(world.server.log).toHaveLength(2);
  expect(engine.records("hazard")).toHaveLength(2);
});

test("unsent work leaves before a revoked scope is purged, and the count is the real one (P-40)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  await engine.write([hazard("一")]);
  await engine.sync_now();
  world.server.down = true;
  await engine.write([hazard("二")]);
  world.server.down = false;
  world.server.scopes = ["town"];
  await engine.sync_now();
  expect(world.server.log).toHaveLength(2);
  expect(engine.records("hazard")).toEqual([]);
  expect(world.incidents).toContain("scope_purged");
});

test("a returned op stays visible in the queue with its reason and delays nobody (property 3)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  world.server.quarantine = (kind) => kind === "patrol";
  await engine.write([{ kind: "patrol", scope: SCOPE, f: { status: "ongoing" } }]);
  await engine.write([hazard("后一条")]);
  await engine.sync_now();
  const returned = engine.queue().ops.filter((op) => op.state === "returned");
  expect(returned.map((op) => op.why)).toEqual(["role_not_allowed"]);
  expect(engine.status()).toMatchObject({ pending_ops: 0, returned: 1 });
  expect(engine.records("hazard")[0]?.delivery).toBe("delivered");
});

test("401 keeps the data and asks for a login; 5xx and silence only wait (P-20)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  world.server.refuse = () => json({ code: "login_required" }, 401);
  await engine.write([hazard("一")]);
  await engine.sync_now();
  expect(engine.session.needs_login).toBe(true);
  expect(engine.status()).toMatchObject({ pending_ops: 1, attention: "needs_login" });
  world.server.refuse = () => json({ code: "oops" }, 503);
  await engine.sync_now();
  expect(engine.status().online).toBe(false);
  world.server.refuse = () => null;
  world.pass(600_000);
  await settle();
  await engine.sync_now();
  expect(engine.status()).toMatchObject({ pending_ops: 0, online: true, attention: null });
});

test("a wedged push restarts and raises an alarm after ten minutes (property 19)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  world.server.refuse = (path) => (path === "/api/v1/sync" ? json({ code: "bad_batch" }, 422) : null);
  await engine.write([hazard("一")]);
  await engine.sync_now();
  world.pass(601_000);
  await settle();
  await engine.sync_now();
  expect(world.incidents).toContain("stuck");
  expect(engine.status().pending_ops).toBe(1);
});

test("counters add up over two devices and a stocktake (property 9)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  const { recs } = await engine.write([{ kind: "stock_lot", scope: SCOPE, f: { lot_no: "A1", on_hand: count(12) } }]);
  const rec = recs[0]!;
  await engine.sync_now();
  await engine.write([{ rec, kind: "stock_lot", f: { on_hand: inc(-3) } }]);
  world.server.push_other(OTHER, 1, "00000000", { ...other(rec, { on_hand: { k: "inc", v: -2 } }), kind: "stock_lot" });
  await engine.sync_now();
  await engine.sync_now();
  expect(engine.record(rec)?.counters.on_hand).toMatchObject({ value: 7, disputed: false });
  await engine.write([{ rec, kind: "stock_lot", f: { on_hand: count(6) } }]);
  await engine.sync_now();
  expect(engine.record(rec)?.v.on_hand).toBe(6);
});

test("a delete beside an unseen edit keeps the record (property 10)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  const { recs, stamps } = await engine.write([hazard("原")]);
  const rec = recs[0]!;
  await engine.sync_now();
  world.server.down = true;
  await engine.write([{ rec, kind: "hazard", f: { life: remove() } }]);
  expect(engine.record(rec)).toBeUndefined();
  world.server.push_other(OTHER, 1, "00000000", other(rec, { title: { k: "reg", v: "改", b: [stamps[0]] } }));
  world.server.down = false;
  await engine.sync_now();
  expect(engine.record(rec)?.disputed).toEqual(["life"]);
  expect(engine.record(rec)?.v.title).toBe("改");
});

test("a photo never delays data, and its record is not delivered before it is confirmed (P-50, property 20)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  const { recs } = await engine.write([hazard("有照片")]);
  const ports_upload = world.server.files;
  world.server.down = true;
  await engine.attach("hazard", recs[0]!, new Blob(["photo-bytes"], { type: "image/jpeg" }), { role: "photo" });
  expect(engine.record(recs[0]!)?.files).toEqual({ total: 1, delivered: 0 });
  expect(engine.record(recs[0]!)?.delivery).toBe("local");
  const tile = () => engine.records("attachment")[0]!;
  expect(tile().delivery).toBe("local");
  world.server.down = false;
  await engine.sync_now();
  await settle();
  expect(ports_upload.size).toBe(1);
  expect(engine.record(recs[0]!)).toMatchObject({ files: { total: 1, delivered: 1 }, delivery: "delivered" });
  expect(tile()).toMatchObject({ files: { total: 1, delivered: 1 }, delivery: "delivered" });
});

test("a rescue file carries every unsent line byte for byte, and its photos (P-61)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  world.server.down = true;
  const { recs } = await engine.write([hazard("救援")]);
  await engine.attach("hazard", recs[0]!, new Blob(["bytes"], { type: "image/jpeg" }), { role: "photo" });
  const { unzipSync, strFromU8 } = await import("fflate");
  const zip = unzipSync(new Uint8Array(await (await engine.rescue_export()).arrayBuffer()));
  const header = JSON.parse(strFromU8(zip["header.json"]!));
  const ops = JSON.parse(`[${strFromU8(zip["ops.ndjson"]!).trimEnd().replaceAll("\n", ",")}]`) as {
    n: number;
    line: string;
  }[];
  expect(header).toMatchObject({ format: "xunan-rescue", count: 2, sealed_left_behind: 0, from: 1 });
  expect(header.signature).toBeTypeOf("string");
  expect(ops.map((op) => op.n)).toEqual([1, 2]);
  expect(Object.keys(zip).filter((name) => name.startsWith("files/"))).toHaveLength(1);
  world.server.down = false;
  await engine.sync_now();
  expect(world.server.log.map((op) => op.line)).toEqual(ops.map((op) => op.line));
});

test("a clock ten years wrong changes nothing but the displayed time (property 12)", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  world.clock.now = START_MS + 10 * 365 * 86_400_000;
  const { recs } = await engine.write([hazard("将来")]);
  world.clock.now = START_MS - 10 * 365 * 86_400_000;
  world.server.down = true;
  await engine.write([{ rec: recs[0]!, kind: "hazard", f: { title: "过去" } }]);
  const again = track(await make_reopened(world));
  expect(again.record(recs[0]!)?.v.title).toBe("过去");
  world.server.down = false;
  await again.sync_now();
  expect(to_titles(world, recs[0]!)).toEqual(["过去"]);
});

test("a write while locked is refused, and the station is the default scope", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  const { recs } = await engine.write([{ kind: "hazard", f: { title: "无范围" } }]);
  expect(engine.record(recs[0]!)?.scope).toBe(`station:${STATION}`);
  engine.lock();
  await expect(engine.write([hazard("x")])).rejects.toThrow("locked");
});
