/**
 * The running engine: wiring of drawer, courier, file queue, session and keys, and the topics screens follow.
 * Must not paint anything, and applying a remote change never makes an op.
 * Invariants: one courier per origin (Web Lock); "saved" only after the strict commit; locking forgets keys at once.
 */
import { Accounts, NAMES_MISSING_MS, NAMES_MS } from "./accounts";
import { Addresses } from "./courier/addresses";
import { Courier } from "./courier/courier";
import { Hints } from "./courier/hints";
import { type Leader, type Note, take_lead } from "./courier/leader";
import { Transport } from "./courier/transport";
import { Emitter } from "./emitter";
import { read_conflicts, read_queue, read_status, read_status_header } from "./engine_read";
import type {
  AttachmentInfo,
  Conflict,
  Draft,
  Drafts,
  Engine,
  EnrolAnswer,
  LoginInput,
  Queue,
  Rec,
  SessionUser,
  Status,
  Todo,
} from "./engine_types";
import { Files } from "./files/files";
import type { Ports } from "./ports";
import { DraftStore } from "./store/draft_store";
import { Drawer } from "./store/drawer";
import type { Keyring } from "./store/keys";
import type { Databases } from "./store/open";
import { make_outbox } from "./store/outbox";
import { compact_view, make_view } from "./store/pulled";
import { SessionStore } from "./store/session_store";
import { Space } from "./store/space";

export class RunningEngine implements Engine {
  readonly drafts: Drafts;
  readonly #ports: Ports;
  readonly #dbs: Databases;
  readonly #keys: Keyring;
  readonly #emitter = new Emitter();
  readonly #drawer: Drawer;
  readonly #session: SessionStore;
  readonly #addresses: Addresses;
  readonly #transport: Transport;
  readonly #courier: Courier;
  readonly #hints: Hints;
  readonly #accounts: Accounts;
  readonly #files: Files;
  readonly #draft_store: DraftStore;
  readonly #space: Space;
  #leader: Leader | null = null;
  #offs: (() => void)[] = [];
  #conflicts: Conflict[] | null = null;
  #followed_status: Status | null = null;
  /** Something the other pages should read again after this flight. */
  #view_moved = false;
  #opening_files: Promise<void> = Promise.resolve();

  constructor(ports: Ports, dbs: Databases, keys: Keyring) {
    this.#ports = ports;
    this.#dbs = dbs;
    this.#keys = keys;
    this.#drawer = new Drawer(ports, dbs, keys, {
      records: (ids) => this.#records_changed(ids),
      queue: () => this.#emitter.emit("queue"),
      evicted: () => {
        ports.note_incident("evicted", { lost: this.#drawer.lost });
        this.#emitter.emit("evicted");
      },
    });
    this.#session = new SessionStore(dbs, keys);
    this.#space = new Space(ports);
    this.#draft_store = new DraftStore(dbs, keys, ports.now, ports.set_timer);
    this.drafts = this.#draft_store;
    this.#addresses = new Addresses(() => this.#session.addresses(ports.base), ports.now);
    const token = () => this.#session.pull_token();
    const where = { base: () => this.#addresses.current(), token: () => this.#session.push_token() };
    const { now, jitter, set_timer } = ports;
    this.#transport = new Transport({ fetch: ports.fetch, addresses: this.#addresses, token, set_timer });
    this.#files = new Files(ports, this.#drawer, this.#transport, where, (recs) => {
      this.#drawer.model.touch(recs);
      this.#records_changed(recs);
      this.#emitter.emit("queue");
      this.#leader?.tell({ t: "uploads" });
    });
    this.#courier = new Courier({
      transport: this.#transport,
      outbox: make_outbox(this.#drawer),
      view: make_view(this.#drawer),
      now,
      jitter,
      set_timer,
      who: this.#session,
      status_header: () => read_status_header(this.#drawer, this.#space.persisted),
      schema: ports.schema,
      scopes: () => (this.#session.stored.device?.kind === "desk" ? ["town"] : null),
      data_left: () => void this.#wake_files(),
      began_anew: () => this.#files.queue.doubt(),
      changed: () => this.#courier_changed(),
      incident: ports.note_incident,
    });
    this.#hints = new Hints({
      open_live: ports.open_live,
      ...where,
      token,
      leading: () => this.#leader?.leading === true,
      heard: () => void this.sync_now(),
    });
    this.#accounts = new Accounts(ports, this.#transport, this.#session, keys, dbs);
  }

  begin(): Promise<void> {
    return this.#session.load();
  }

  async start(): Promise<void> {
    this.#drawer.lost = this.#session.stored.lost;
    this.#courier.state.skew_s = this.#session.stored.skew_s;
    await this.#drawer.load();
    if (this.#drawer.lost !== this.#session.stored.lost) {
      await this.#session.save({ lost: this.#drawer.lost });
      this.#ports.note_incident("evicted", { lost: this.#drawer.lost });
    }
    await this.#space.start();
    this.#offs.push(this.#ports.on_wake(() => void this.sync_now()));
    this.#leader = take_lead(this.#ports, {
      lead: () => this.#lead(),
      rest: () => this.#rest(),
      rise: () => this.#drawer.reload().then(() => this.#drawer.reload_uploads()),
      note: (note) => this.#follow(note),
    });
  }

  get session() {
    return this.#session.face;
  }

  async enrol(input: { code: string; base?: string; name?: string }): Promise<EnrolAnswer> {
    const answer = await this.#accounts.enrol(input);
    await this.#space.persist();
    this.#session_changed();
    return answer;
  }

  async login(input: LoginInput): Promise<SessionUser> {
    const { user, complete } = await this.#accounts.login(input);
    // Sealed data that no key at hand can open is pulled again; unsent sealed ops stay until their author unlocks.
    if (!complete) await this.#drawer.forget_view();
    await this.#opened();
    this.#session_changed();
    return user;
  }

  async settle_todo(done: Todo): Promise<void> {
    await this.#accounts.settle_todo(done);
    this.#session_changed();
  }

  async set_pin(pin: string): Promise<void> {
    await this.#accounts.set_pin(pin);
    this.#session_changed();
  }

  async refresh_names(age_max_ms = NAMES_MISSING_MS): Promise<void> {
    if (await this.#accounts.refresh_names(age_max_ms)) this.#emitter.emit("session");
  }

  async unlock(user_id: string, pin: string): Promise<void> {
    try {
      await this.#accounts.unlock(user_id, pin);
      await this.#opened();
    } finally {
      this.#session_changed();
    }
  }

  lock(): void {
    void this.#draft_store.flush().finally(() => {
      if (this.#session.open_user === null) this.#keys.lock();
    });
    this.#session.close_user();
    this.#drawer.lock();
    this.#session_changed();
  }

  async logout(): Promise<void> {
    await this.#draft_store.flush();
    await this.#accounts.logout();
    this.#drawer.lock();
    this.#keys.lock();
    this.#session_changed();
  }

  records(kind: string): Rec[] {
    return this.#drawer.model.records(kind);
  }

  record(id: string): Rec | undefined {
    return this.#drawer.model.rec(id);
  }

  ids(kind: string): string[] {
    return this.#drawer.model.ids(kind);
  }

  on(topic: Parameters<Engine["on"]>[0], cb: () => void): () => void {
    return this.#emitter.on(topic, cb);
  }

  async write(drafts: Draft[]) {
    const open = this.#session.open_user;
    if (open === null) throw new Error("locked");
    const saved = await this.#drawer.write(drafts, {
      user: open.user.id,
      grant: open.user.grant_id,
      skew: this.#courier.state.skew_s,
      default_scope: (kind) => this.#accounts.default_scope(kind),
    });
    this.#leader?.tell({ t: "ops" });
    void this.#send_soon();
    return saved;
  }

  async attach(owner_kind: string, owner_id: string, blob: Blob, info: AttachmentInfo): Promise<string> {
    const draft = await this.#files.attach(owner_kind, owner_id, blob, info, this.#session.open_user?.user.id ?? "");
    this.#leader?.tell({ t: "uploads" });
    return (await this.write([draft])).recs[0]!;
  }

  async keep_file(blob: Blob, info: { role: string; mime: string; owner: string; owner_kind: string; name?: string }) {
    const kept = await this.#files.keep(blob, null, info);
    this.#leader?.tell({ t: "uploads" });
    void this.#send_soon();
    return kept;
  }

  file(sha256: string, variant?: "thumb" | "preview"): Promise<Blob | null> {
    return this.#files.read(sha256, variant);
  }

  queue(): Queue {
    return read_queue(this.#drawer);
  }

  retry(id?: string): void {
    void this.#files.queue.retry(id);
    void this.sync_now();
  }

  async sync_now(): Promise<void> {
    if (this.#leader?.leading !== true) return this.#leader?.tell({ t: "wake", carried: this.#session.carried });
    await this.#courier.wake();
    await this.#wake_files();
  }

  /** New work is on disk: it leaves now where the server is reached, else with the next try. Files go after the data (P-50). */
  async #send_soon(): Promise<void> {
    if (this.#leader?.leading === true) await this.#courier.nudge(); // else who leads was told
  }

  rescue_export(): Promise<Blob> {
    return this.#files.rescue(this.#session.stored.device?.id ?? null, (bytes) => this.#accounts.sign(bytes));
  }

  status(): Status {
    const followed = this.#leader?.leading === false ? this.#followed_status : null;
    if (followed !== null) return { ...followed, pending_ops: this.#drawer.pending() };
    return read_status(this.#drawer, this.#courier.state, {
      persisted: this.#space.persisted,
      storage: this.#space.storage,
      conflicts: this.conflicts().length,
    });
  }

  conflicts(): Conflict[] {
    this.#conflicts ??= read_conflicts(this.#drawer);
    return this.#conflicts;
  }

  async api(path: string, init?: RequestInit): Promise<Response> {
    return this.#transport.send(path.startsWith("/") ? path : `/api/v1/${path}`, init, this.#session.token());
  }

  next_code(): Promise<string> {
    return this.#session.next_code();
  }

  new_id(): string {
    return this.#drawer.new_id();
  }

  now(): number {
    return this.#ports.now();
  }

  async close(): Promise<void> {
    for (const off of this.#offs) off();
    this.#hints.close();
    this.#space.stop();
    this.#courier.close();
    this.#files.queue.close();
    this.#leader?.close();
    await this.#draft_store.flush().catch(() => undefined); // nothing more can be done for a draft at this point
    await this.#drawer.serial(async () => undefined);
    await this.#opening_files;
    this.#dbs.close();
  }

  #lead(): void {
    this.#leader?.tell({ t: "lead" });
    this.#hints.open();
    void this.sync_now();
  }

  #rest(): Promise<unknown> {
    this.#hints.close();
    return Promise.all([this.#courier.rest(), this.#files.queue.rest()]);
  }

  #follow(note: Note): void {
    switch (note.t) {
      case "lead":
        if (this.#session.carried !== null) this.#leader?.tell({ t: "wake", carried: this.#session.carried });
        break;
      case "wake":
        this.#session.carried ??= note.carried;
        if (this.#leader?.leading === true) void this.sync_now();
        break;
      case "ops":
        void this.#drawer.catch_up().then(() => this.#send_soon());
        break;
      case "page":
        void this.#drawer.reload();
        break;
      case "uploads":
        void this.#drawer.reload_uploads().then(() => this.#wake_files());
        break;
      case "session":
        void this.#session.load().then(() => this.#emitter.emit("session"));
        break;
      case "status":
        this.#followed_status = note.status as Status;
        this.#emitter.emit("sync");
        break;
    }
  }

  #records_changed(ids: readonly string[]): void {
    this.#conflicts = null;
    this.#view_moved = true;
    const kinds =
      ids.length === 0 ? Object.keys(this.#ports.kinds) : ids.flatMap((id) => this.#drawer.model.kinds_of(id));
    for (const kind of new Set(kinds)) if (kind !== undefined) this.#emitter.emit(`records:${kind}`);
    this.#emitter.emit("records");
  }

  #courier_changed(): void {
    const { state } = this.#courier;
    if (this.#session.needs_login !== state.needs_login) {
      this.#session.needs_login = state.needs_login;
      this.#session.refresh();
      this.#emitter.emit("session");
    }
    if (!state.busy) void this.#session.note_skew(state.skew_s);
    if (!state.busy && state.online) void this.#accounts.tell_sign_outs();
    this.#emitter.emit("sync");
    if (this.#leader?.leading === true && !state.busy) {
      if (this.#view_moved) this.#leader.tell({ t: "page" });
      this.#view_moved = false;
      this.#leader.tell({ t: "status", status: this.status() });
    }
  }

  #session_changed(): void {
    this.#session.refresh();
    this.#emitter.emit("session");
    this.#leader?.tell({ t: "session" });
    this.#hints.open();
    void this.sync_now();
  }

  async #opened(): Promise<void> {
    await this.#drawer.open();
    await this.#files.queue.unlocked();
    this.#opening_files = this.#drawer
      .open_files()
      .then(() => compact_view(this.#drawer))
      .then(() => this.refresh_names(NAMES_MS))
      .then(undefined, (error: unknown) => this.#ports.note_incident("after_unlock", { why: String(error) }));
  }

  async #wake_files(): Promise<void> {
    if (this.#leader?.leading === true && this.#courier.state.online) await this.#files.queue.wake();
  }
}
