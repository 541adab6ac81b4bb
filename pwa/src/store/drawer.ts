/**
 * The drawer: everything this device holds, and the one place that changes it.
 * Owns: loading at start, saving ops (strict, tail checked), the in-memory model, sealing of personal kinds.
 * Must not: use the network or decide when to sync. Invariants: "saved" is answered only after the strict commit;
 * memory changes only after the commit; every change of self, own ops or view runs one after the other.
 */
import { parse_op } from "../core/op";
import { erased_line, make_stamp, new_dev, new_record_id } from "../core/stamp";
import type { Draft, Saved } from "../engine_types";
import type { Ports } from "../ports";
import { BlobStore } from "./blob_store";
import { type ComposeContext, type Composed, compose } from "./compose";
import { FileVault } from "./file_vault";
import type { Keyring } from "./keys";
import { Model } from "./model";
import type { Databases, Incarnation, OpRow, UploadRow } from "./open";
import { OpsStore, StaleTail } from "./ops_store";
import { decorate, type Own, OwnOps } from "./own_ops";
import { in_slices } from "./pause";
import { is_full } from "./room";
import { plan_start, read_sentinel, type Sentinel, write_sentinel } from "./sentinel";
import { type Closed, load_bases, open_closed } from "./view_load";
import { EMPTY_META, type ViewMeta, ViewStore } from "./view_store";

const APPEND_TRIES_MAX = 20;
const LOOKS_MAX = 30;
const LOOK_AGAIN_MS = 1_000;
const decoder = new TextDecoder();

export interface Who {
  user: string;
  grant: string | null;
  skew: number;
  default_scope: ComposeContext["default_scope"];
}

export interface DrawerEvents {
  /** Records whose shown state may have changed. */
  records(ids: readonly string[]): void;
  queue(): void;
  /** The browser threw the op store away while the page was open. */
  evicted(): void;
}

/** Nothing can be kept until the page is opened anew. */
export class Evicted extends Error {
  override readonly name = "Evicted";
  readonly code = "evicted";
}

export class Drawer {
  readonly ops: OpsStore;
  readonly view: ViewStore;
  readonly blobs: BlobStore;
  readonly model: Model;
  readonly own = new OwnOps();
  readonly uploads = new Map<string, UploadRow>();
  self: Incarnation | null = null;
  /** Earlier incarnations whose ops no backup holds yet (P-24). */
  former: Incarnation[] = [];
  meta: ViewMeta = EMPTY_META;
  /** Unsent things known to have been lost, in all lives of this device. */
  lost = 0;
  evicted = false;
  flying: readonly [number, number] | null = null;
  readonly ports: Ports;
  readonly keys: Keyring;
  readonly events: DrawerEvents;
  #chain: Promise<unknown> = Promise.resolve();
  #dbs: Databases;
  /** What of the view could not be opened when it was read; good as long as the view is still the same. */
  #closed: (Closed & { meta: ViewMeta }) | null = null;

  constructor(ports: Ports, dbs: Databases, keys: Keyring, events: DrawerEvents) {
    this.ports = ports;
    this.keys = keys;
    this.events = events;
    this.#dbs = dbs;
    this.ops = new OpsStore(dbs);
    this.view = new ViewStore(dbs);
    this.blobs = new BlobStore(dbs, new FileVault(keys, ports));
    this.model = new Model(ports.kinds, (rec) => decorate(rec, this));
    dbs.on_terminated = () => this.#look_evicted(LOOKS_MAX);
  }

  /** One change after the other. */
  serial<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#chain.then(work, work);
    this.#chain = next.catch(() => undefined); // the caller sees the failure; the chain goes on
    return next;
  }

  /** A person's work comes before copies of what the server has. */
  async with_room<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!is_full(error) || (await this.blobs.make_room()) === 0) throw error;
      }
    }
  }

  /** A kind this version does not know may be about people, as far as anybody here can say. */
  is_personal = (kind: string): boolean =>
    !Object.hasOwn(this.ports.kinds, kind) || this.ports.kinds[kind]!.personal === true;

  pending(): number {
    return this.chains().reduce((sum, one) => sum + one.n - one.acked, 0);
  }

  /** Former incarnations first: what they hold is older. */
  chains(): Incarnation[] {
    return this.self === null || this.evicted ? [] : [...this.former, this.self];
  }

  get #sentinel_key(): string {
    return `${this.ports.db_prefix}-sentinel`;
  }

  async load(): Promise<void> {
    await this.serial(async () => {
      const found = await this.ops.incarnation();
      const noted = read_sentinel(this.ports.local, this.#sentinel_key);
      const start = plan_start(noted, found);
      this.lost = Math.max(this.lost, noted?.lost ?? 0) + start.lost;
      if (start.renew && noted !== null) this.#note({ ...noted, last_n: 0, pending: 0, files: 0, lost: this.lost });
      // What is left of pulled records was sealed with keys that went the same way.
      if (start.lost > 0 && start.renew) await this.view.clear();
      this.self = start.renew ? await this.ops.start_incarnation(new_dev(this.ports.random(10))) : found;
      this.former = await this.ops.former();
      await this.#load_own();
      await this.#load_view();
      this.uploads.clear();
      for (const row of await this.blobs.uploads()) this.uploads.set(row.sha256, row);
      this.remember();
    });
  }

  /** Read everything again: after unlocking, a fork, a purge in another tab. */
  async reload(): Promise<void> {
    await this.serial(async () => {
      this.self = await this.ops.incarnation();
      this.former = await this.ops.former();
      await this.#load_own();
      await this.#load_view();
    });
    this.events.records([]);
    this.events.queue();
  }

  /** After unlocking: nothing on disk is read twice, only what was sealed is opened. */
  async open(): Promise<void> {
    const opened = await this.serial(async () => {
      if (this.#closed?.meta !== this.meta) return false;
      const { opened, left } = await open_closed(this.#closed, this.keys);
      await in_slices(opened, (part) => this.model.open(part));
      if (left === 0) this.#closed = null;
      for (const one of this.own.all()) if (one.op === null) Object.assign(one, await this.to_own(one.row));
      this.refresh_overlay();
      return true;
    });
    if (!opened) return this.reload();
    this.events.records([]);
    this.events.queue();
  }

  /** Start the view over from the server; the outbox stays as it is. */
  async forget_view(): Promise<void> {
    await this.serial(async () => {
      await this.view.clear();
      this.meta = EMPTY_META;
    });
  }

  /** After unlocking: files that still have to leave can do so even when locked again; old ones in clear are sealed. */
  async open_files(): Promise<void> {
    await this.blobs.hold(this.#leaving());
    await this.blobs.seal_old();
  }

  #leaving(): string[] {
    return [...this.uploads.values()].filter((row) => row.state !== "delivered").map((row) => row.sha256);
  }

  async reload_uploads(): Promise<void> {
    for (const row of await this.blobs.uploads()) this.uploads.set(row.sha256, row);
    this.events.queue();
  }

  /** Another tab saved ops: take them over. */
  catch_up(): Promise<void> {
    return this.serial(() => this.take_over());
  }

  /** A file and its delivery, from disk and memory. */
  async drop_file(sha256: string): Promise<void> {
    await this.blobs.drop(sha256);
    this.uploads.delete(sha256);
  }

  /** What somebody typed about a record and never saved. */
  async drop_drafts(id: string): Promise<void> {
    await this.#dbs.drafts.use(async (db) => {
      for (const key of await db.getAllKeys("drafts")) if (key.includes(id)) await db.delete("drafts", key);
    });
  }

  /** Save drafts as ops, several as one group. Resolves after the strict commit. */
  write(drafts: readonly Draft[], who: Who): Promise<Saved> {
    return this.serial(async () => {
      for (let attempt = 0; attempt < APPEND_TRIES_MAX; attempt += 1) {
        const tail = this.self;
        if (this.evicted) throw new Evicted();
        if (tail === null) throw new Error("the drawer is not loaded");
        const composed = compose(drafts, this.#context(tail, who));
        const rows = await Promise.all(composed.map((one) => this.#to_row(one)));
        try {
          this.self = await this.with_room(() => this.ops.append(tail, rows));
        } catch (error) {
          if (!(error instanceof StaleTail)) throw error;
          await this.take_over();
          continue;
        }
        this.remember();
        this.own.add(rows.map((row, i) => ({ row, line: composed[i]!.line, op: composed[i]!.op })));
        this.model.add_own(composed.map((one) => one.op));
        this.events.records(composed.map((one) => one.op.rec));
        this.events.queue();
        return { recs: composed.map((one) => one.op.rec), stamps: composed.map((one) => one.op.stamp) };
      }
      throw new Error("other tabs keep writing; the save was not made");
    });
  }

  /** Forget what only an unlocked person may see. Unsent lines stay in memory until they have left. */
  lock(): void {
    this.model.forget_kinds(this.is_personal);
    for (const one of this.own.all()) {
      if (!this.is_personal(one.row.kind)) continue;
      one.op = null;
      if (!this.is_pending(one)) one.line = null;
    }
    this.blobs.forget(new Set(this.#leaving()));
    this.#closed = null;
    this.events.records([]);
  }

  is_pending(one: Own): boolean {
    const chain = this.chains().find((each) => each.dev === one.row.dev);
    return chain !== undefined && one.row.n > chain.acked;
  }

  /** Own ops that may colour the view: not those of scopes we no longer hold, once the server has them. */
  overlay(): Own[] {
    const { granted, masked, common } = this.meta;
    const ours = ({ scope, kind }: OpRow) =>
      granted.length === 0 || (granted.includes(scope) && !(masked.includes(scope) && !common.includes(kind)));
    return this.own.all().filter((one) => one.op !== null && (ours(one.row) || this.is_pending(one)));
  }

  refresh_overlay(): void {
    this.model.replace_own(this.overlay().map((one) => one.op!));
  }

  remember(): void {
    // After an eviction the note stays as it was: the next start counts by it.
    if (this.self === null || this.evicted) return;
    const { dev, n } = this.self;
    this.#note({ dev, last_n: n, pending: this.pending(), files: this.#leaving().length, lost: this.lost });
  }

  #note(sentinel: Sentinel): void {
    write_sentinel(this.ports.local, this.#sentinel_key, sentinel);
  }

  /** The browser closed the op store under us: did it throw it away? While it does so, nothing can be opened. */
  #look_evicted(left: number): void {
    const look = async () => {
      if (this.self !== null && (await this.ops.incarnation()) === null) this.#evict();
    };
    this.serial(look).catch(() => {
      // Should no look succeed, the next write meets the same and says so.
      if (left > 1) this.ports.set_timer(LOOK_AGAIN_MS, () => this.#look_evicted(left - 1));
    });
  }

  /** Count what was unsent, and show nothing as kept here that is not. */
  #evict(): void {
    if (this.evicted) return;
    this.lost += this.pending() + this.#leaving().length;
    this.evicted = true;
    this.uploads.clear();
    this.own.replace([]);
    this.refresh_overlay();
    this.events.records([]);
    this.events.queue();
    this.events.evicted();
  }

  new_id(): string {
    return new_record_id(this.ports.now(), this.ports.random(10));
  }

  /** A row in memory, with its line and parsed op when they can be read now. */
  async to_own(row: OpRow): Promise<Own> {
    if (row.erased) return { row, line: erased_line(row.h, row.rec), op: null };
    const line = row.line ?? (row.sealed === null ? null : await this.keys.unseal(row.sealed));
    if (line === null) return { row, line: null, op: null };
    return { row, line, op: parse_op(JSON.parse(decoder.decode(line)), row.dev, row.n, row.h) };
  }

  async #to_row({ op, line }: Composed): Promise<OpRow> {
    const sealed = this.is_personal(op.kind) ? await this.keys.seal(line) : null;
    return {
      dev: op.dev,
      n: op.n,
      h: op.h,
      line: sealed === null ? line : null,
      sealed,
      rec: op.rec,
      kind: op.kind,
      scope: op.scope,
      at_ms: op.at_ms,
      saved_ms: this.ports.now(),
      bytes: line.length,
      group: op.group === null ? null : [op.group[0], op.group[1], op.group[2]],
      verdict: null,
      why: null,
    };
  }

  #context(tail: Incarnation, who: Who): ComposeContext {
    const now_ms = this.ports.now();
    return {
      kinds: this.ports.kinds,
      tail,
      now_ms,
      at: this.ports.iso(now_ms),
      mono: Math.round(this.ports.mono()),
      skew: who.skew,
      user: who.user,
      grant: who.grant,
      schema: this.ports.schema,
      app: this.ports.app,
      group_id: this.new_id(),
      new_id: () => this.new_id(),
      folded: (id) => this.model.fold_afresh(id),
      kept_aside: (id, field) =>
        this.own
          .of(id)
          .filter((one) => one.row.verdict === "quarantined" && one.op?.fields[field]?.k === "reg")
          .map((one) => make_stamp(one.row.dev, one.row.n, one.row.h)),
      default_scope: who.default_scope,
    };
  }

  /** Own ops another tab saved since; only inside `serial`. */
  async take_over(): Promise<void> {
    const self = await this.ops.incarnation();
    if (self === null) return this.#evict();
    if (self.dev !== this.self?.dev) {
      this.self = self;
      this.former = await this.ops.former();
      await this.#load_own();
      this.refresh_overlay();
      this.events.records([]);
      return;
    }
    const rows = await this.ops.range(self.dev, this.own.last_n(self.dev) + 1, Number.MAX_SAFE_INTEGER >>> 0);
    const fresh = await Promise.all(rows.map((row) => this.to_own(row)));
    this.self = self;
    this.own.add(fresh);
    const ops = fresh.flatMap((one) => (one.op === null ? [] : [one.op]));
    this.model.add_own(ops);
    this.events.records(ops.map((op) => op.rec));
    this.events.queue();
  }

  async #load_own(): Promise<void> {
    const rows = await this.ops.all();
    // n, not the clock, is the order of one incarnation; the present one comes after former ones.
    const turn = (row: OpRow) => (row.dev === this.self?.dev ? 1 : 0);
    rows.sort((a, b) => turn(a) - turn(b) || (a.dev === b.dev ? a.n - b.n : a.dev < b.dev ? -1 : 1));
    this.own.replace(await Promise.all(rows.map((row) => this.to_own(row))));
  }

  async #load_view(): Promise<void> {
    const { packs, rows, meta } = await this.view.load();
    this.meta = meta;
    this.model.clear();
    const { bases, gone, closed } = await load_bases(packs, rows, this.keys);
    this.#closed = { ...closed, meta };
    await in_slices(bases, (part) => this.model.apply(part));
    this.model.apply([], meta.digests);
    this.model.mark_gone(gone);
    this.refresh_overlay();
    this.model.live = true;
  }
}
