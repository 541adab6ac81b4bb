/**
 * A controllable world for engine tests: clock, randomness, timers, locks, and a small server that folds with the
 * same core. Owns no assertion. The server can be cut, slowed, restored from a backup or told to refuse.
 */
import "fake-indexeddb/auto";
import { webcrypto } from "node:crypto";
import { type FoldRecord, fold_op, from_wire, new_record, to_wire } from "../src/core/fold";
import { parse_op, type WireState } from "../src/core/op";
import { chain, digest64, GENESIS, xor_hex } from "../src/core/stamp";
import { iso_with_offset } from "../src/device/clock";
import { type Engine, open_engine } from "../src/engine";
import { KINDS } from "../src/generated/kinds";
import type { Ports } from "../src/ports";

export const START_MS = Date.parse("2026-11-22T05:00:00+08:00");
export const STATION = "310199101007";
export const SCOPE = `station:${STATION}`;

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
    this.#queues.set(
      name,
      turn.catch(() => undefined),
    );
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

interface Author {
  acked: number;
  acked_h: string;
}

interface StoredOp {
  dev: string;
  n: number;
  h: string;
  line: string;
  verdict: string;
}

/** The ledger in miniature: enough of contract §7 to play every answer an engine must survive. */
export class FakeServer {
  records = new Map<string, { record: FoldRecord; seq: number }>();
  authors = new Map<string, Author>();
  log: StoredOp[] = [];
  seq = 0;
  epoch = 1;
  scopes = ["town", SCOPE];
  down = false;
  lose_answers = 0;
  refuse: (path: string, body: Uint8Array) => Response | null = () => null;
  before_answer: () => Promise<void> = async () => undefined;
  requests: { path: string; ops: number; header: any }[] = [];
  files = new Map<string, number>();
  page_limit = 500;
  /** As after a restore from before the sign-in. */
  unknown_grants = false;
  quarantine: (kind: string) => boolean = () => false;

  fetch = async (input: string, init: RequestInit = {}): Promise<Response> => {
    if (this.down) throw new TypeError("fetch failed");
    const path = new URL(input, "http://town").pathname;
    const body = await read_body(init);
    const refused = this.refuse(path, body);
    if (refused !== null) return refused;
    const token = new Headers(init.headers).get("Authorization") ?? "";
    const person = token.startsWith("Bearer grant-");
    if (person && this.unknown_grants) return json({ code: "login_required" }, 401);
    const answer = this.answer(path, body, person);
    await this.before_answer();
    if (this.lose_answers > 0) {
      this.lose_answers -= 1;
      throw new TypeError("connection reset");
    }
    return answer;
  };

  backup(): () => void {
    const copy = {
      records: new Map(
        [...this.records].map(([id, one]) => [id, { record: from_wire(to_wire(one.record)), seq: one.seq }]),
      ),
      authors: new Map([...this.authors].map(([dev, one]) => [dev, { ...one }])),
      log: [...this.log],
      seq: this.seq,
    };
    return () => {
      Object.assign(this, copy);
      this.epoch += 1;
    };
  }

  /** An op of another device arrives. */
  push_other(dev: string, n: number, prev_h: string, object: Record<string, unknown>): string {
    const line = JSON.stringify({ n, ...object });
    const h = chain(prev_h, new TextEncoder().encode(line));
    this.take(dev, n, h, line);
    return h;
  }

  take(dev: string, n: number, h: string, line: string): string {
    const op = parse_op(JSON.parse(line), dev, n, h);
    const known = this.records.get(op.rec) ?? { record: new_record(op.rec, op.kind), seq: 0 };
    let verdict = "quarantined";
    if (this.quarantine(op.kind)) known.record.vv.set(dev, n);
    else verdict = fold_op(known.record, op, op.at_ms - op.skew * 1000).verdict;
    this.seq += 1;
    this.records.set(op.rec, { record: known.record, seq: this.seq });
    this.log.push({ dev, n, h, line, verdict });
    return verdict;
  }

  states(scopes: readonly string[], after: number): WireState[] {
    return [...this.records.values()]
      .filter((one) => one.seq > after && scopes.includes(one.record.scope))
      .sort((a, b) => a.seq - b.seq)
      .map((one) => ({ seq: one.seq, ...to_wire(one.record) }));
  }

  answer(path: string, body: Uint8Array, person: boolean): Response {
    if (!person && /snapshots|colleagues/.test(path)) return json({ code: "login_required" }, 401);
    if (path === "/api/v1/enrol") {
      return json({
        device_id: "d_1",
        device_token: "device-token",
        letter: "K7",
        town: { name: "示例镇" },
        station_code: STATION,
      });
    }
    if (path === "/api/v1/login") {
      const { username } = JSON.parse(new TextDecoder().decode(body));
      const user = {
        id: `u_${username}`,
        name: username,
        roles: ["patroller"],
        stations: [{ code: STATION, name: "第七站", role: "patroller" }],
      };
      return json({
        grant_id: `g_${username}`,
        grant_token: `grant-${username}`,
        expires_at: 0,
        user,
        scopes: this.scopes,
        device_secret: "secret-of-device",
      });
    }
    if (path === "/api/v1/logout") return json({});
    if (path === "/api/v1/files/status") {
      const { sha256 } = JSON.parse(new TextDecoder().decode(body)) as { sha256: string[] };
      return json({
        have: sha256
          .filter((one) => this.files.has(one))
          .map((one) => ({ sha256: one, size: this.files.get(one), state: "complete" })),
      });
    }
    if (path === "/api/v1/colleagues") return json({ items: [{ id: "u_head", name: "站长甲" }] });
    if (path === "/api/v1/snapshots") {
      const scopes = this.scopes.map((scope) => ({
        scope,
        seq: this.seq,
        count: this.states([scope], 0).length,
        bytes: 1,
        etag: "",
        url: `/api/v1/snapshots/${scope}`,
      }));
      return json({ cursor: `${this.epoch}:${this.seq}`, scopes });
    }
    if (path.startsWith("/api/v1/snapshots/")) {
      const scope = decodeURIComponent(path.slice("/api/v1/snapshots/".length));
      const states = this.states([scope], 0);
      const lines = [JSON.stringify({ scope, seq: this.seq, count: states.length })];
      for (let i = 0; i < states.length; i += 500) lines.push(JSON.stringify(states.slice(i, i + 500)));
      return new Response(`${lines.join("\n")}\n`);
    }
    if (path === "/api/v1/sync") return this.sync(body, person);
    return json({ code: "not_found" }, 404);
  }

  sync(body: Uint8Array, person: boolean): Response {
    const [head, ...lines] = new TextDecoder().decode(body).trimEnd().split("\n");
    const header = JSON.parse(head!);
    this.requests.push({ path: "/api/v1/sync", ops: lines.length, header });
    const author = this.authors.get(header.dev) ?? { acked: 0, acked_h: GENESIS };
    const standing = {
      acked: author.acked,
      acked_h: author.acked_h,
      durable: 0,
      verdicts: [],
      records: [],
      gone: [],
      scopes: { granted: this.scopes, revoked: [] },
      now_ms: Date.now(),
      seq: this.seq,
      cursor: header.cursor,
      more: true,
    };
    if (header.from > author.acked + 1) return json({ ...standing, resend_from: author.acked + 1 });
    const before = this.log.find((op) => op.dev === header.dev && op.n === header.from - 1)?.h ?? GENESIS;
    if (before !== header.prev_h) return json({ ...standing, fork: true, same_to: null });
    const verdicts: any[] = [];
    let [h, n] = [header.prev_h as string, header.from as number];
    const taken: { n: number; h: string; line: string }[] = [];
    for (const line of lines) {
      h = chain(h, new TextEncoder().encode(line));
      taken.push({ n, h, line });
      n += 1;
    }
    for (const one of taken) {
      const held = this.log.find((op) => op.dev === header.dev && op.n === one.n);
      if (held !== undefined && held.h !== one.h) return json({ ...standing, fork: true, same_to: one.n - 1 });
    }
    for (const one of taken) {
      const held = this.log.find((op) => op.dev === header.dev && op.n === one.n);
      if (held !== undefined) verdicts.push({ n: one.n, v: "duplicate", was: held.verdict });
      else {
        const v = this.take(header.dev, one.n, one.h, one.line);
        verdicts.push(v === "quarantined" ? { n: one.n, v, why: "role_not_allowed" } : { n: one.n, v });
        author.acked = one.n;
        author.acked_h = one.h;
      }
    }
    this.authors.set(header.dev, author);
    if (!person) return json({ ...standing, ...author, verdicts, push_only: true, more: false });
    const [epoch, seq] = String(header.cursor ?? `${this.epoch}:0`)
      .split(":")
      .map(Number) as [number, number];
    if (epoch !== this.epoch || seq > this.seq) return json({ code: "rebase" }, 410);
    const limit = Math.min(header.limit, this.page_limit);
    const all = this.states(this.scopes, seq);
    const page = all.slice(0, limit);
    const more = all.length > page.length;
    const reached = more ? (page.at(-1)!.seq as number) : this.seq;
    const digest: Record<string, { count: number; xor: string }> = {};
    for (const scope of this.scopes) {
      const states = this.states([scope], 0);
      digest[scope] = {
        count: states.length,
        xor: states.reduce((xor, one) => xor_hex(xor, digest64(one.id, one.seq!)), "0".repeat(16)),
      };
    }
    return json({
      acked: author.acked,
      acked_h: author.acked_h,
      durable: 0,
      now_ms: START_MS,
      verdicts,
      records: page,
      gone: [],
      scopes: { granted: this.scopes, revoked: [] },
      ...(more ? {} : { digest }),
      cursor: `${this.epoch}:${reached}`,
      seq: reached,
      more,
    });
  }
}

async function read_body(init: RequestInit): Promise<Uint8Array> {
  if (init.body === undefined || init.body === null) return new Uint8Array();
  let bytes = new Uint8Array(await new Response(init.body).arrayBuffer());
  if (new Headers(init.headers).get("Content-Encoding") === "gzip") {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  }
  return bytes;
}

export function json(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), { status, headers: { "Content-Type": "application/json" } });
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
      open_live: () => () => undefined,
      battery: () => 61,
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
