/** A handheld in a pocket sleeps: nothing wakes it more often than every 30 s, and only a patrol keeps the screen on (targets B). */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { NUDGE_MS } from "../src/courier/plan";
import { keep_screen_on } from "../src/device/wake_lock";
import type { Engine } from "../src/engine";
import { hazard, make_world, ready, type World } from "./rig";
import { track } from "./tracked";

const IDLE_MS_MIN = 30_000;
const HOUR_MS = 3_600_000;
const SOURCES = join(import.meta.dirname, "../src");

/** Waits that were asked for from now on. */
function overhear(world: World): number[] {
  const asked: number[] = [];
  const plain = world.ports;
  world.ports = () => {
    const ports = plain();
    const set_timer = (ms: number, cb: () => void) => {
      asked.push(ms);
      return ports.set_timer(ms, cb);
    };
    return { ...ports, set_timer };
  };
  return asked;
}

/** An hour in which nothing happens. */
async function idle(world: World, engine: Engine): Promise<void> {
  for (let at = 0; at < HOUR_MS; at += IDLE_MS_MIN) {
    world.pass(IDLE_MS_MIN);
    await vi.waitFor(() => expect(engine.status().next_try_ms).not.toBeNull(), { interval: 1 });
  }
}

test.each(["with a server", "without one"])(
  "%s, an idle handheld is woken no more often than every 30 s",
  async (way) => {
    const world = make_world();
    const asked = overhear(world);
    const intervals = vi.spyOn(globalThis, "setInterval");
    const engine = track(await ready(world));
    if (way === "without one") {
      world.server.down = true;
      // The first tries after a loss follow quickly; what counts is the hour after them.
      for (let i = 0; i < 6; i += 1) {
        world.pass(120_000);
        await engine.sync_now();
      }
    }
    asked.length = 0;
    const before = world.server.requests.length;
    await idle(world, engine);
    expect(asked.length).toBeGreaterThan(0);
    const quick = asked.filter((ms) => ms < IDLE_MS_MIN);
    expect(quick).toEqual([]);
    expect(world.server.requests.length - before).toBeLessThanOrEqual(HOUR_MS / IDLE_MS_MIN);
    expect(intervals).not.toHaveBeenCalled();
    intervals.mockRestore();
  },
);

test("whoever works without a server pays for one try in 30 s, and what was saved leaves with it", async () => {
  const world = make_world();
  let uploads = 0;
  const plain = world.ports;
  world.ports = () => ({
    ...plain(),
    upload: async () => {
      uploads += 1;
      throw new TypeError("nobody there");
    },
  });
  const engine = track(await ready(world));
  world.server.down = true;
  await engine.sync_now();
  const before = world.server.requests.length;
  for (let i = 0; i < 50; i += 1) {
    await engine.write([hazard(`第${i}条`)]);
    await engine.keep_file(new Blob([`photo ${i}`]), {
      role: "photo",
      mime: "image/jpeg",
      owner: "x",
      owner_kind: "hazard",
    });
  }
  expect(world.server.requests.length).toBe(before);
  expect(uploads).toBe(0);
  expect(engine.status()).toMatchObject({ pending_ops: 50, pending_files: 50, phase: "offline" });
  expect(engine.status().next_try_ms! - world.ports().now()).toBeLessThanOrEqual(NUDGE_MS);

  world.server.down = false;
  world.pass(NUDGE_MS);
  await vi.waitFor(() => expect(engine.status().pending_ops).toBe(0));
});

test("the screen is kept on by a patrol and by nothing else", async () => {
  const users = readdirSync(SOURCES, { recursive: true, encoding: "utf8" }).filter(
    (name) => /\.(ts|vue)$/.test(name) && readFileSync(join(SOURCES, name), "utf8").includes("device/wake_lock"),
  );
  expect(users).toEqual([join("screens", "field", "patrol_track.ts")]);

  const released = vi.fn();
  const request = vi.fn(async () => ({ addEventListener: () => undefined, release: released }));
  vi.stubGlobal("navigator", { wakeLock: { request } });
  vi.stubGlobal("document", {
    visibilityState: "visible",
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
  });
  const lock = keep_screen_on();
  await vi.waitFor(() => expect(lock.held).toBe(true));
  lock.release();
  expect(released).toHaveBeenCalledOnce();
  vi.unstubAllGlobals();
});
