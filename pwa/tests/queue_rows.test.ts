/** The queue counts and groups what people know: records, photos, parts of a track. */
import "./page";
import { expect, test } from "vitest";
import { held_words } from "../src/i18n";
import { queue_rows } from "../src/screens/field/queue_rows";
import { make_world, ready, SCOPE } from "./rig";

const blob = (text: string): Blob => new Blob([text]);

test("parts of a track are no photos, and a photo is no record besides", async () => {
  const world = make_world();
  const engine = await ready(world);
  world.server.down = true;
  const [patrol] = (await engine.write([{ kind: "patrol", scope: SCOPE, f: { status: "ongoing" } }])).recs;
  for (const status of ["paused", "ongoing", "done"]) {
    await engine.write([{ rec: patrol!, kind: "patrol", f: { status } }]);
  }
  for (const name of ["a", "b"]) {
    const info = { role: "track", mime: "application/octet-stream", owner: patrol!, owner_kind: "patrol" };
    await engine.keep_file(blob(name), info);
  }
  expect(engine.status().held).toEqual({ records: 1, photos: 0, tracks: 2, audio: 0 });
  expect(held_words(engine.status().held)).toBe("1 条 / 2 段轨迹");

  await engine.attach("patrol", patrol!, new Blob(["jpeg"], { type: "image/jpeg" }), { role: "evidence" });
  expect(engine.status().held).toMatchObject({ records: 1, tracks: 2 });
  expect(engine.status().held.photos).toBeGreaterThan(0);

  const rows = queue_rows(engine.queue(), (op) => (op.kind === "attachment" ? patrol! : op.rec));
  expect(rows.map((row) => [row.sort, row.group, row.rec === patrol]).sort()).toEqual([
    ["photos", "waiting", true],
    ["records", "waiting", true],
    ["tracks", "waiting", true],
  ]);
  const record = rows.find((row) => row.sort === "records")!;
  expect(record.ops.length).toBe(5);
  expect(rows.find((row) => row.sort === "tracks")!.files.length).toBe(2);
  await engine.close();
});

test("a description whose photo has left is still something", async () => {
  const world = make_world();
  const engine = await ready(world);
  world.server.down = true;
  await engine.write([{ kind: "attachment", scope: SCOPE, f: { owner: "x", owner_kind: "hazard", role: "before" } }]);
  expect(engine.status().held).toEqual({ records: 1, photos: 0, tracks: 0, audio: 0 });
  await engine.close();
});

test("what needs a person stands apart from the rest of its record", () => {
  const op = { rec: "r", kind: "hazard", title: "", why: null, at: 0, bytes: 1 };
  const file = {
    sha256: "s",
    name: "",
    mime: "audio/webm",
    size: 1,
    sent: 0,
    why: null,
    next_try: null,
    owner: "r",
    owner_kind: "hazard",
  };
  const queue = {
    ops: [
      { ...op, n: 2, state: "returned" as const },
      { ...op, n: 1, state: "delivered" as const },
    ],
    files: [{ ...file, state: "held" as const }],
    counts: { waiting: 0, sending: 0, attention: 0, delivered: 0 },
  };
  const rows = queue_rows(queue, (each) => each.rec);
  expect(rows.map((row) => `${row.group} ${row.sort}`)).toEqual([
    "attention records",
    "delivered records",
    "waiting audio",
  ]);
});
