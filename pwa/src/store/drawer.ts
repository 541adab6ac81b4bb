/**
 * The drawer: everything this device holds, and the one place that changes it.
 * Owns: loading at start, saving ops (strict, tail checked), the in-memory model, sealing of personal kinds.
 * Must not: use the network or decide when to sync. Invariants: "saved" is answered only after the strict commit;
 * memory changes only after the commit; every change of self, own ops or view runs one after the other.
 */
import { parse_op } from "../core/op";
import { make_stamp, new_dev, new_record_id } from "../core/stamp";
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
import { plan_start, read_sentinel, write_sentinel } from "./sentinel";
import { load_bases } from "./view_load";
import { EMPTY_META, type ViewMeta, ViewStore } from "./view_store";

const APPEND_TRIES_MAX = 20;
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
  lost = 0;
  flying: readonly [number, number] | null = null;
  readonly ports: Ports;
  readonly keys: Keyring;
  readonly events: DrawerEvents;
  #chain: Promise<unknown> = Promise.resolve();

  constructor(ports: Ports, dbs: Databases, keys: Keyring, events: DrawerEvents) {
    this.ports = ports;
    this.keys = keys;
    this.events = events;
    this.ops = new OpsStore(dbs);
    this.view = new ViewStore(dbs);
    this.blobs = new BlobStore(dbs, new FileVault(keys, ports));
    this.model = new Model(ports.kinds, (rec) => decorate(rec, this));
  }

  /** One change after the other. */
  serial<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#chain.then(work, work);
    this.#chain = next.catch(() => undefined); // the caller sees the failure; the chain goes on
    return next;
  }

  is_personal = (kind: string): boolean => this.ports.kinds[kind]?.personal === true;

  pending(): number {
    return this.chains().reduce((sum, one) => sum + one.n - one.acked, 0);
  }

  /** Former incarnations first: what they hold is older. */
  chains(): Incarnation[] {
    return this.self === null ? [] : [...this.former, this.self];
  }

  get #sentinel_key(): string {
    return `${this.ports.db_prefix}-sentinel`;
  }

  async load(): Promise<void> {
    await this.serial(async () => {
      const found = await this.ops.incarnation();
      const start = plan_start(read_sentinel(this.ports.local, this.#sentinel_key), found);
      this.lost += start.lost;
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

  /** Save drafts as ops, several as one group. Resolves after the strict commit. */
  write(drafts: readonly Draft[], who: Who): Promise<Saved> {
    return this.serial(async () => {
      for (let attempt = 0; attempt < APPEND_TRIES_MAX; attempt += 1) {
        const tail = this.self;
        if (tail === null) throw new Error("the drawer is not loaded");
        const composed = compose(drafts, this.#context(tail, who));
        const rows = await Promise.all(composed.map((one) => this.#to_row(one)));
        try {
          this.self = await this.ops.append(tail, rows);
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
    this.events.records([]);
  }

  is_pending(one: Own): boolean {
    const chain = this.chains().find((each) => each.dev === one.row.dev);
    return chain !== undefined && one.row.n > chain.acked;
  }

  /** Own ops that may colour the view: not those of scopes we no longer hold, once the server has them. */
  overlay(): Own[] {
    const { granted } = this.meta;
    return this.own
      .all()
      .filter(
        (one) => one.op !== null && (granted.length === 0 || granted.includes(one.row.scope) || this.is_pending(one)),
      );
  }

  refresh_overlay(): void {
    this.model.replace_own(this.overlay().map((one) => one.op!));
  }

  remember(): void {
    if (this.self !== null) write_sentinel(this.ports.local, this.#sentinel_key, this.self);
  }

  new_id(): string {
    return new_record_id(this.ports.now(), this.ports.random(10));
  }

  /** A row in memory, with its line and parsed op when they can be read now. */
  async to_own(row: OpRow): Promise<Own> {
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
    if (self === null || self.dev !== this.self?.dev) {
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
    const { bases, gone } = await load_bases(packs, rows, this.keys);
    this.model.apply(bases, meta.digests);
    this.model.mark_gone(gone);
    this.refresh_overlay();
    this.model.live = true;
  }
}
