/**
 * Today's app and what released versions wrote (tests/compat): their op lines fold to the states they had, and their servers' answers
 * are understood - a new client with an old server (P-41, property 15). Answers from a server far ahead are, too.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { fold_all } from "../src/core/fold";
import { type Op, parse_op } from "../src/core/op";
import { to_wire } from "../src/core/record";
import { json, make_world, ready, SCOPE } from "./rig";
import { track } from "./tracked";

const folder = fileURLToPath(new URL("../../tests/compat/", import.meta.url));
const releases = readdirSync(folder).filter((name) => existsSync(`${folder}${name}/release.json`));
const read = (release: string, name: string) => JSON.parse(readFileSync(`${folder}${release}/${name}`, "utf8"));

interface Line {
  dev: string;
  n: number;
  h: string;
  line: string;
  at_c: number;
  verdict: string;
}

interface Spoken {
  note: string;
  request: { path: string };
  status: number;
  headers: Record<string, string>;
  body: string;
}

function op_of({ line, dev, n, h }: Line): Op | null {
  try {
    return parse_op(JSON.parse(line), dev, n, h);
  } catch {
    return null;
  }
}

test("there is a frozen release", () => expect(releases).toContain("1.0.0"));

describe.each(releases)("release %s", (release) => {
  test("its op lines fold to the states they had", () => {
    const { lines, states } = read(release, "ops.json") as { lines: Line[]; states: Record<string, string> };
    const by_rec = new Map<string, { ops: [Op, number][]; aside: Set<string> }>();
    for (const line of lines) {
      const op = op_of(line);
      if (op === null) continue;
      const found = by_rec.get(op.rec) ?? { ops: [], aside: new Set() };
      by_rec.set(op.rec, found);
      found.ops.push([op, line.at_c]);
      if (line.verdict === "quarantined") found.aside.add(op.stamp);
    }
    for (const [rec, state] of Object.entries(states)) {
      const { ops, aside } = by_rec.get(rec)!;
      expect(to_wire(fold_all(ops, aside))).toEqual(JSON.parse(state));
    }
  });

  test("its server's snapshots, pages and verdicts are understood", async () => {
    const spoken = read(release, "wire.json") as Spoken[];
    const list = spoken.find((one) => one.note === "the list of snapshots")!;
    const scopes = JSON.parse(Buffer.from(list.body, "base64").toString()).scopes.map((one: any) => one.scope);
    const pages = ["a push and the first page", "the next page", "all the rest"].map((note) =>
      JSON.parse(Buffer.from(spoken.find((one) => one.note === note)!.body, "base64").toString()),
    );
    const states = new Map<string, any>();
    for (const page of pages) for (const state of page.records) states.set(state.id, state);
    expect(states.size).toBeGreaterThan(80);
    const world = make_world();
    world.server.scopes = scopes;
    let asked = 0;
    world.server.refuse = (path, body) => {
      if (path === "/api/v1/sync") {
        // The author of the recorded push was another device: this one has written nothing.
        const { from, prev_h } = JSON.parse(new TextDecoder().decode(body).split("\n")[0]!);
        const page = pages[Math.min(asked, pages.length - 1)];
        asked += 1;
        return json({ ...page, acked: from - 1, acked_h: prev_h, verdicts: [] });
      }
      const one = spoken.find((each) => `/api/v1${each.request.path}` === decodeURIComponent(path));
      return one === undefined ? null : new Response(Buffer.from(one.body, "base64"), { status: one.status });
    };
    const engine = track(await ready(world));
    await engine.sync_now();
    expect(asked).toBeGreaterThanOrEqual(pages.length);
    for (const [id, { seq: _, ...state }] of states) expect(engine.record(id)?.state).toEqual(state);
    // The digests of the old server are those of what was taken in, so nothing was asked for again.
    expect(world.incidents).toEqual([]);
  });
});

test("a server from far ahead: words this app has never heard are kept, shown where they can be, and stop nothing", async () => {
  const world = make_world();
  const { fetch } = world.server;
  world.server.fetch = async (input, init) => {
    const answer = await fetch(input, init);
    if (!input.endsWith("/sync") || !answer.ok) return answer;
    const told = await answer.json();
    const verdicts = told.verdicts.map((one: object) => ({ ...one, v: "polished", score: 7 }));
    return json({ ...told, verdicts, weather: { rain: true }, scopes: { ...told.scopes, watched: ["sea"] } });
  };
  const engine = track(await ready(world));
  const op = (n: number, kind: string, f: Record<string, unknown>) => ({
    rec: `0198-${n}`, kind, scope: SCOPE, at: "2026-11-22T05:10:33+08:00", user: "u_head", schema: 99, app: "3.0.0", mood: "calm", f,
  }); // biome-ignore format: one record
  const reg = (v: unknown) => ({ k: "reg", v, b: [] });
  const h = world.server.push_other(
    "b".repeat(16), 1, "00000000", op(1, "drone_dock", { scope: reg(SCOPE), bay: reg(3), crew: { k: "add", v: "丙" } }),
  ); // biome-ignore format: one call
  world.server.push_other(
    "b".repeat(16),
    2,
    h,
    op(2, "hazard", { scope: reg(SCOPE), title: reg("积水"), water_cm: { k: "inc", v: 12 } }),
  );
  await engine.sync_now();
  const [dock] = engine.records("drone_dock");
  expect([dock!.v.bay, dock!.sets.crew]).toEqual([3, ["丙"]]);
  expect(engine.records("hazard")[0]!.counters.water_cm!.value).toBe(12);
  // An edit by this version leaves the strangers where they are.
  await engine.write([{ rec: "0198-2", kind: "hazard", f: { title: "积水已排" } }]);
  await engine.sync_now();
  const stored = world.server.records.get("0198-2")!.record;
  expect([...stored.ctr.keys()]).toEqual(["water_cm"]);
  expect(engine.status().pending_ops).toBe(0);
});
