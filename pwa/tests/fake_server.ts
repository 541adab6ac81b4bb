/**
 * A server in miniature for engine tests, folding with the same core: it can be cut, restored from a backup or told to refuse.
 * Owns no assertion and no clock.
 */

import { fold_op } from "../src/core/fold";
import { parse_op, type WireState } from "../src/core/op";
import { type FoldRecord, from_wire, new_record, to_wire } from "../src/core/record";
import { chain, digest64, erased_line, GENESIS, make_stamp, xor_hex } from "../src/core/stamp";
import { KINDS } from "../src/generated/kinds";

export const START_MS = Date.parse("2026-11-22T05:00:00+08:00");
export const STATION = "310199101007";
export const SCOPE = `station:${STATION}`;

const erased = (h: string, rec: string): string => new TextDecoder().decode(erased_line(h, rec));

interface Author {
  acked: number;
  acked_h: string;
}

interface StoredOp {
  dev: string;
  n: number;
  h: string;
  rec: string;
  line: string;
  verdict: string;
}

/** The ledger in miniature: enough of contract §7 to play every answer an engine must survive. */
const COMMON = Object.keys(KINDS).filter((kind) => !KINDS[kind]!.personal);

export class FakeServer {
  records = new Map<string, { record: FoldRecord; seq: number }>();
  authors = new Map<string, Author>();
  log: StoredOp[] = [];
  seq = 0;
  epoch = 1;
  scopes = ["town", SCOPE];
  /** Of these nobody is given (P-45). */
  masked: string[] = [];
  /** Letters of devices, as told with the names of colleagues. */
  letters: { dev: string; letter: string }[] = [];
  /** The sign-in that asks ran out: it delivers and receives nothing (P-40). */
  signed_out = false;
  down = false;
  /** Up to which op a proven backup holds every author. */
  durable = 0;
  lose_answers = 0;
  refuse: (path: string, body: Uint8Array) => Response | null = () => null;
  before_answer: () => Promise<void> = async () => undefined;
  requests: { path: string; ops: number; header: any }[] = [];
  files = new Map<string, number>();
  page_limit = 500;
  addresses: string[] = [];
  gone_hosts = new Set<string>();
  hosts: string[] = [];
  /** As after a restore from before the sign-in. */
  unknown_grants = false;
  /** What a person who signs in has to do first. */
  todo: string[] = [];
  /** Sign-outs it was told of: by which token, which sign-in. */
  ended: [string, string][] = [];
  quarantine: (kind: string) => boolean = () => false;

  fetch = async (input: string, init: RequestInit = {}): Promise<Response> => {
    const { hostname, pathname: path } = new URL(input, "http://town");
    if (this.down || this.gone_hosts.has(hostname)) throw new TypeError("fetch failed");
    this.hosts.push(hostname);
    const body = await read_body(init);
    const refused = this.refuse(path, body);
    if (refused !== null) return refused;
    const token = new Headers(init.headers).get("Authorization") ?? "";
    if (path === "/api/v1/sessions/ended") {
      const { grants } = JSON.parse(new TextDecoder().decode(body)) as { grants: string[] };
      this.ended.push(...grants.map((one): [string, string] => [token, one]));
      return json({ ended: grants.length });
    }
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
      log: this.log.map((op) => ({ ...op })),
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

  /** Records as the server erases them: their text goes, whatever comes about them later is kept aside. */
  erase(recs: readonly string[]): void {
    for (const rec of recs) {
      const record = new_record(rec, this.records.get(rec)!.record.kind);
      record.scope = this.records.get(rec)!.record.scope;
      const gone = this.log.filter((op) => op.rec === rec);
      for (const op of gone) {
        op.line = erased(op.h, rec);
        op.verdict = "erased";
        record.vv.set(op.dev, Math.max(op.n, record.vv.get(op.dev) ?? 0));
      }
      record.erased = { at: START_MS, ops: gone.map((op) => make_stamp(op.dev, op.n, op.h)) };
      this.seq += 1;
      this.records.set(rec, { record, seq: this.seq });
    }
  }

  take(dev: string, n: number, h: string, line: string): string {
    if (line.charCodeAt(0) === 2) {
      this.log.push({ dev, n, h, rec: line.slice(9), line, verdict: "erased" });
      return "erased";
    }
    const op = parse_op(JSON.parse(line), dev, n, h);
    const known = this.records.get(op.rec) ?? { record: new_record(op.rec, op.kind), seq: 0 };
    let verdict = "quarantined";
    const subject = this.records.get(String(op.fields.owner?.v))?.record;
    if (this.quarantine(op.kind) || subject?.erased) known.record.vv.set(dev, n);
    else verdict = fold_op(known.record, op, op.at_ms - op.skew * 1000).verdict;
    if (known.record.erased !== null) verdict = "quarantined";
    this.seq += 1;
    this.records.set(op.rec, { record: known.record, seq: this.seq });
    this.log.push({ dev, n, h, rec: op.rec, line, verdict });
    return verdict;
  }

  states(scopes: readonly string[], after: number): WireState[] {
    return [...this.records.values()]
      .filter((one) => one.seq > after && scopes.includes(one.record.scope))
      .filter((one) => !(this.masked.includes(one.record.scope) && one.record.kind === "person"))
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
        addresses: this.addresses,
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
        addresses: this.addresses,
        todo: this.todo,
        lock_minutes: 10,
      });
    }
    if (path === "/api/v1/files/status") {
      const { sha256 } = JSON.parse(new TextDecoder().decode(body)) as { sha256: string[] };
      return json({
        have: sha256
          .filter((one) => this.files.has(one))
          .map((one) => ({ sha256: one, size: this.files.get(one), state: "complete" })),
      });
    }
    if (path === "/api/v1/colleagues")
      return json({ items: [{ id: "u_head", name: "站长甲" }], devices: this.letters });
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
      durable: this.durable,
      verdicts: [],
      records: [],
      gone: [],
      scopes: { granted: this.scopes, masked: this.masked, common: COMMON, revoked: [] },
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
    if (!person || this.signed_out) return json({ ...standing, ...author, verdicts, push_only: true, more: false });
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
      durable: this.durable,
      now_ms: START_MS,
      verdicts,
      records: page,
      gone: [],
      scopes: { granted: this.scopes, masked: this.masked, common: COMMON, revoked: [] },
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
