/** Files at rest on a lost handheld: nothing readable in any database, and nothing lost or renamed by it (M-46). */
import { createHash } from "node:crypto";
import { expect, test, vi } from "vitest";
import type { Engine } from "../src/engine";
import { hazard, make_world, ready, type World } from "./rig";
import { track, untrack } from "./tracked";

const SECRET = "face-of-a-person".repeat(8);
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** What one handheld of the version before sealing left behind: schema 1 of the blobs database, written by hand. */
async function write_old_database(prefix: string, text: string, state: string): Promise<string> {
  const name = sha256(text);
  const db = await raw_open(`${prefix}-blobs`, (fresh) => {
    fresh.createObjectStore("blobs", { keyPath: "sha256" });
    fresh.createObjectStore("uploads", { keyPath: "sha256" });
  });
  const tx = db.transaction(["blobs", "uploads"], "readwrite");
  const blob = new Blob([text], { type: "image/jpeg" });
  tx.objectStore("blobs").put({ sha256: name, blob, thumb: blob, mime: "image/jpeg", size: blob.size });
  tx.objectStore("uploads").put({
    sha256: name,
    size: blob.size,
    mime: "image/jpeg",
    role: "photo",
    name: "",
    owner: "01980000-0000-7000-8000-0000000000aa",
    owner_kind: "hazard",
    state,
    sent: 0,
    url: null,
    tries: 0,
    next_try: null,
    why: null,
    created_ms: 1,
  });
  await new Promise((done) => {
    tx.oncomplete = done;
  });
  db.close();
  return name;
}

function raw_open(name: string, upgrade?: (db: IDBDatabase) => void): Promise<IDBDatabase> {
  return new Promise((done, fail) => {
    const request = indexedDB.open(name, upgrade === undefined ? undefined : 1);
    request.onupgradeneeded = () => upgrade?.(request.result);
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
}

async function raw_rows(world: World): Promise<any[]> {
  const db = await raw_open(`${world.prefix}-blobs`);
  const rows = await new Promise<any[]>((done) => {
    const request = db.transaction("blobs").objectStore("blobs").getAll();
    request.onsuccess = () => done(request.result);
  });
  db.close();
  return rows;
}

async function stored_text(world: World): Promise<string> {
  let text = "";
  for (const row of await raw_rows(world)) text += (await row.blob.text()) + ((await row.thumb?.text()) ?? "");
  return text;
}

const settle = async () => {
  for (let i = 0; i < 60; i += 1) await new Promise((done) => setImmediate(done));
};

const until = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 });

async function with_photo(world: World): Promise<{ engine: Engine; name: string }> {
  const engine = track(await ready(world));
  world.server.down = true;
  const { recs } = await engine.write([hazard("有照片")]);
  await engine.attach("hazard", recs[0]!, new Blob([SECRET], { type: "image/jpeg" }), { role: "photo" });
  await until(() => expect(engine.status()).toMatchObject({ online: false, phase: "offline" }));
  expect(engine.queue().files[0]).toMatchObject({ state: "pending", why: null });
  return { engine, name: sha256(SECRET) };
}

/** An uploader that keeps what it was given. */
function record_uploads(world: World): Map<string, string> {
  const sent = new Map<string, string>();
  const ports = world.ports;
  world.ports = () => ({
    ...ports(),
    upload: async (job) => {
      if (world.server.down) throw new TypeError("fetch failed");
      sent.set(job.sha256, await job.blob.text());
      world.server.files.set(job.sha256, job.blob.size);
    },
  });
  return sent;
}

test("a photo on disk is unreadable, keeps the name of its plain bytes, and reads back whole", async () => {
  const world = make_world();
  const { engine, name } = await with_photo(world);
  const rows = await raw_rows(world);
  expect(rows.map((row) => [row.sha256, row.size])).toEqual([[name, SECRET.length]]);
  expect(await stored_text(world)).not.toContain("face-of-a-person");
  const back = await engine.file(name);
  expect(await back?.text()).toBe(SECRET);
  expect(back?.type).toBe("image/jpeg");
});

test("the server is given the plain bytes", async () => {
  const world = make_world();
  const sent = record_uploads(world);
  const { engine, name } = await with_photo(world);
  world.server.down = false;
  world.pass(3_600_000);
  await engine.sync_now();
  await until(() => expect(sent.get(name)).toBe(SECRET));
  await until(() => expect(engine.queue().counts.delivered).toBe(3));
});

test("locking hides the photo, and what still has to leave leaves all the same", async () => {
  const world = make_world();
  const sent = record_uploads(world);
  const { engine, name } = await with_photo(world);
  engine.lock();
  await settle();
  expect(await engine.file(name)).toBeNull();
  world.server.down = false;
  world.pass(3_600_000);
  await engine.sync_now();
  await until(() => expect(sent.get(name)).toBe(SECRET));
});

test("a page that starts locked holds a photo back until its person unlocks", async () => {
  const world = make_world();
  const sent = record_uploads(world);
  const { engine, name } = await with_photo(world);
  await engine.close();
  untrack();
  world.server.down = false;
  world.pass(3_600_000);
  const again = track(await world.open());
  await again.sync_now();
  await until(() => expect(again.queue().files[0]).toMatchObject({ sha256: name, state: "held", why: "locked" }));
  expect(sent.size).toBe(0);
  await again.unlock("u_patrol07a", "123456");
  await again.sync_now();
  await until(() => expect(sent.get(name)).toBe(SECRET));
});

test("a track chunk kept while locked is sealed too and readable after unlocking", async () => {
  const world = make_world();
  const engine = track(await ready(world));
  world.server.down = true;
  engine.lock();
  await settle();
  const info = { role: "track", mime: "application/x-xunan-track", owner: "p", owner_kind: "patrol" };
  const { sha256: name } = await engine.keep_file(new Blob([SECRET]), info);
  expect(await stored_text(world)).not.toContain("face-of-a-person");
  await engine.close();
  untrack();
  const again = track(await world.open());
  await again.unlock("u_patrol07a", "123456");
  expect(await (await again.file(name))?.text()).toBe(SECRET);
});

test("bytes moved to another file's row never open", async () => {
  const world = make_world();
  const { engine, name } = await with_photo(world);
  const other = await engine.keep_file(new Blob(["another file"]), {
    role: "photo",
    mime: "image/jpeg",
    owner: "p",
    owner_kind: "patrol",
  });
  await engine.close();
  untrack();
  const rows = await raw_rows(world);
  const db = await raw_open(`${world.prefix}-blobs`);
  const tx = db.transaction("blobs", "readwrite");
  const from = rows.find((row) => row.sha256 === name);
  tx.objectStore("blobs").put({ ...from, sha256: other.sha256 });
  await new Promise((done) => {
    tx.oncomplete = done;
  });
  db.close();
  const again = track(await world.open());
  await again.unlock("u_patrol07a", "123456");
  expect(await again.file(other.sha256)).toBeNull();
  expect(await (await again.file(name))?.text()).toBe(SECRET);
});

test("files of the version before sealing are read, delivered, and sealed after the next unlock", async () => {
  const world = make_world();
  const sent = record_uploads(world);
  const waiting = await write_old_database(world.prefix, SECRET, "pending");
  expect(await stored_text(world)).toContain("face-of-a-person");
  const engine = track(await ready(world));
  await engine.sync_now();
  await until(() => expect(sent.get(waiting)).toBe(SECRET));
  await engine.close();
  untrack();
  expect(await stored_text(world)).not.toContain("face-of-a-person");
  const again = track(await world.open());
  await again.unlock("u_patrol07a", "123456");
  expect(await (await again.file(waiting, "thumb"))?.text()).toBe(SECRET);
});

test("a rescue file carries the plain bytes of unsent photos (P-61)", async () => {
  const world = make_world();
  const { engine, name } = await with_photo(world);
  const { unzipSync, strFromU8 } = await import("fflate");
  const zip = unzipSync(new Uint8Array(await (await engine.rescue_export()).arrayBuffer()));
  expect(strFromU8(zip[`files/${name}`]!)).toBe(SECRET);
});

test("two locked pages that seal at once both stay readable after unlocking", async () => {
  const world = make_world();
  const first = track(await ready(world));
  world.server.down = true;
  const second = track(await world.open());
  first.lock();
  await settle();
  const info = { role: "track", mime: "application/x-xunan-track", owner: "p", owner_kind: "patrol" };
  const a = await first.keep_file(new Blob(["chunk a"]), info);
  const b = await second.keep_file(new Blob(["chunk b"]), info);
  await second.unlock("u_patrol07a", "123456");
  expect(await (await second.file(a.sha256))?.text()).toBe("chunk a");
  expect(await (await second.file(b.sha256))?.text()).toBe("chunk b");
});
