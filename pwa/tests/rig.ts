/**
 * A controllable world for engine tests: clock, randomness, timers, locks, channels and a small server. Owns no assertion.
 */
import "fake-indexeddb/auto";
import { webcrypto } from "node:crypto";
import { iso_with_offset } from "../src/device/clock";
import { type Engine, open_engine } from "../src/engine";
import { KINDS } from "../src/generated/kinds";
import type { Ports } from "../src/ports";
import { unpack } from "../src/store/unpack";
import { FakeServer, SCOPE, START_MS } from "./fake_server";

export { json, SCOPE, START_MS, STATION } from "./fake_server";

/** One lock per name, like navigator.locks within one origin. */
export class FakeLocks {
  #queues = new Map<string, Promise<unknown>>();
  holders = 0;
  holders_max = 0;

  request(name: string, options: any, cb: any): Promise<any> {
    const before = this.#queues.get(name) ?? Promise.resolve();
    const signal = options.signal as AbortSignal | undefined;
    const aborted = new Promise<never>((_, reject) => {
      signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
    });
    aborted.catch(() => undefined);
    const turn = Promise.race([before, aborted]).then(async () => {
      this.holders += 1;
      this.holders_max = Math.max(this.holders_max, this.holders);
      try {
        return await cb({ name });
      } finally {
        this.holders -= 1;
      }
    });
    // Who gave up waiting hands nothing on: the next one still waits for whoever holds the lock.
    this.#queues.set(name, Promise.allSettled([before, turn]));
    return turn;
  }
}

export class FakeChannels {
  #all = new Map<string, Set<any>>();

  open(name: string): BroadcastChannel {
    const peers = this.#all.get(name) ?? new Set();
    this.#all.set(name, peers);
    const channel: any = {
      onmessage: null,
      postMessage: (data: unknown) => {
        for (const peer of peers) {
          if (peer !== channel) queueMicrotask(() => peer.onmessage?.({ data: structuredClone(data) }));
        }
      },
      close: () => peers.delete(channel),
    };
    peers.add(channel);
    return channel;
  }
}

export interface World {
  server: FakeServer;
  clock: { now: number };
  local: Map<string, string>;
  locks: FakeLocks;
  channels: FakeChannels;
  timers: { at: number; cb: () => void }[];
  incidents: string[];
  ports(): Ports;
  open(): Promise<Engine>;
  /** Move the clock and fire due timers. */
  pass(ms: number): void;
  prefix: string;
}

let worlds = 0;

export function make_world(seed = 1): World {
  worlds += 1;
  let state = seed * 2654435761;
  const random = (length: number) => {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i += 1) {
      state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
      bytes[i] = (state >>> 16) & 255;
    }
    return bytes;
  };
  const world: World = {
    server: new FakeServer(),
    clock: { now: START_MS },
    local: new Map(),
    locks: new FakeLocks(),
    channels: new FakeChannels(),
    timers: [],
    incidents: [],
    prefix: `world${worlds}`,
    ports: () => ({
      fetch: world.server.fetch,
      base: "http://town",
      now: () => world.clock.now,
      mono: () => world.clock.now - START_MS,
      iso: (ms) => iso_with_offset(ms, 480),
      random,
      jitter: () => 0.5,
      subtle: webcrypto.subtle as unknown as SubtleCrypto,
      local: {
        getItem: (key) => world.local.get(key) ?? null,
        setItem: (key, value) => void world.local.set(key, value),
        removeItem: (key) => void world.local.delete(key),
      },
      locks: world.locks as any,
      channel: (name) => world.channels.open(name),
      storage: null,
      set_timer: (ms, cb) => {
        const timer = { at: world.clock.now + ms, cb };
        world.timers.push(timer);
        return () => {
          world.timers = world.timers.filter((one) => one !== timer);
        };
      },
      on_wake: () => () => undefined,
      on_freeze: () => () => undefined,
      open_live: () => () => undefined,
      battery: () => 61,
      unpack,
      prepare_photo: async (blob) => ({ photo: blob, thumb: null, width: 1, height: 1, taken_at: null, point: null }),
      upload: async (job) => {
        if (world.server.down) throw new TypeError("fetch failed");
        world.server.files.set(job.sha256, job.blob.size);
      },
      kinds: KINDS,
      app: "1.0.0",
      schema: 1,
      db_prefix: world.prefix,
      note_incident: (code) => void world.incidents.push(code),
      pin_rounds: 1000,
    }),
    open: () => open_engine(world.ports()),
    pass: (ms) => {
      world.clock.now += ms;
      const due = world.timers.filter((one) => one.at <= world.clock.now);
      world.timers = world.timers.filter((one) => one.at > world.clock.now);
      for (const one of due) one.cb();
    },
  };
  return world;
}

/** An enrolled device with one unlocked patroller who has a PIN. */
export async function ready(world: World, username = "patrol07a"): Promise<Engine> {
  const engine = await world.open();
  await engine.enrol({ code: "ABCD" });
  await engine.login({ username, password: "x" });
  await engine.set_pin("123456");
  await engine.sync_now();
  return engine;
}

export const hazard = (title: string, extra: Record<string, unknown> = {}) => ({
  kind: "hazard",
  scope: SCOPE,
  f: { title, severity: "general", ...extra },
});
