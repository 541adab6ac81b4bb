/**
 * The courier: carries ops to the server and pages back, one flight at a time, and never gives up.
 * Owns: when to sync, batches, back-off, honest contact state, watchdog. Knows no UI and no IndexedDB.
 * Must not: decide merges, drop ops, or trust navigator.onLine.
 * Invariants: a rebase never touches the outbox (P-27); revoked scopes are purged only after unsent work has left (P-40);
 * 401/413/429/5xx or silence mean "not stored" (P-20), everything else is settled exactly as answered; a device without
 * room goes on delivering and only stops receiving.
 */
import { OPS_PER_BATCH_MAX, PULL_LIMIT_DEFAULT } from "../core/limits";
import type { ScopeDigest } from "../store/digest";
import { is_full } from "../store/room";
import type { CourierDeps, CourierState } from "./courier_types";
import { halve, IDLE_POLL_MS, is_stuck, NUDGE_MS, plan_backoff_ms, plan_batch, REFETCH_MS_MIN } from "./plan";
import { load_snapshots } from "./snapshots";
import { HttpError, is_network_error, type SyncAnswer } from "./wire";

const NO_ROOM = "no_room";
const encoder = new TextEncoder();

export class Courier {
  readonly state: CourierState = {
    online: false,
    busy: false,
    last_contact_ms: null,
    next_try_ms: null,
    skew_s: 0,
    attention: null,
    needs_login: false,
    progress: null,
  };
  #deps: CourierDeps;
  #running: Promise<void> | null = null;
  #again = false;
  #closed = false;
  /** This page is frozen, or was and does not lead again yet: another one may be at work. */
  #resting = false;
  #failures = 0;
  #failed_ms = 0;
  #ops_max = OPS_PER_BATCH_MAX;
  #cancel_timer: () => void = () => undefined;
  #progress_ms: number;
  #refetched = new Map<string, number>();
  /** Set when the server has no snapshots to give: then the first pull starts from nothing. */
  #without_snapshots = false;
  #refused = false;
  /** With whose token the last request of this flight went out. */
  #reader: string | null = null;
  /** What was pulled did not fit: until the next run this device only delivers. */
  #no_room = false;

  constructor(deps: CourierDeps) {
    this.#deps = deps;
    this.#progress_ms = deps.now();
  }

  /** Sync as soon as possible. Calls during a flight make one more round afterwards. */
  wake(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#resting = false;
    this.#watch();
    if (this.#running !== null) {
      this.#again = true;
      return this.#running;
    }
    this.#cancel_timer();
    this.#running = this.#run().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /**
   * Something new wants to leave. After a failed try it leaves with the next one, brought forward to NUDGE_MS after the last: whoever
   * works without a network must not pay for one with every save.
   */
  async nudge(): Promise<void> {
    const wait = this.#failures === 0 ? 0 : this.#failed_ms + NUDGE_MS - this.#deps.now();
    // What is under way takes it along; a clock set back is no reason to wait.
    if (this.#running !== null || wait <= 0 || wait > NUDGE_MS) return this.wake();
    if (!this.#over) this.#wait(wait);
  }

  close(): void {
    this.#closed = true;
    this.#cancel_timer();
    this.#deps.transport.abort();
  }

  /** The page is about to freeze: the flight breaks off, what still comes of it is not believed. Resolves when it is over. */
  async rest(): Promise<void> {
    this.#resting = true;
    this.#cancel_timer();
    this.#deps.transport.abort();
    await this.#running;
  }

  get #over(): boolean {
    return this.#closed || this.#resting;
  }

  async #run(): Promise<void> {
    this.state.busy = true;
    this.state.next_try_ms = null;
    this.#deps.changed();
    this.#no_room = false;
    let delay = IDLE_POLL_MS;
    try {
      do {
        this.#again = false;
        if (!this.#deps.who.has_token()) continue;
        await this.#round();
        // Not only at the end: calls may follow each other for as long as a typhoon lasts.
        if (!this.#over) this.#deps.data_left();
      } while (this.#again && !this.#over);
      this.#failures = 0;
    } catch (error) {
      if (!this.#resting) delay = this.#failed(error);
    } finally {
      this.state.busy = false;
      this.state.progress = null;
      this.#deps.outbox.flying(null);
    }
    if (!this.#over) this.#wait(delay);
    this.#deps.changed();
  }

  /** Try again after so long, or as soon as an earlier try would have come. */
  #wait(delay: number): void {
    const now = this.#deps.now();
    if (this.state.next_try_ms !== null && this.state.next_try_ms <= now + delay) return;
    this.#cancel_timer();
    this.state.next_try_ms = now + delay;
    this.#cancel_timer = this.#deps.set_timer(delay, () => void this.wake());
  }

  /** Until nothing is left to send and nothing to fetch. */
  async #round(): Promise<void> {
    // A server that came back from a backup may have lost what an earlier incarnation of this device had delivered.
    for (const { dev } of this.#deps.outbox.chains().slice(0, -1)) {
      while (!this.#over && (await this.#exchange(dev, true, true)));
    }
    for (;;) {
      if (this.#over) return;
      const may_read = this.#deps.who.reader() !== null;
      const starting = this.#deps.view.cursor() === null && !this.#without_snapshots;
      const pushing_first = !may_read || this.#no_room || starting;
      const dev = this.#deps.outbox.chains().at(-1)?.dev;
      if (dev === undefined) return;
      const more = await this.#exchange(dev, pushing_first, false);
      if (more) continue;
      if (!starting || !may_read || this.#no_room) break;
      await this.#store(() => this.#first_load());
    }
    if (this.#no_room) {
      this.state.attention = NO_ROOM;
      return; // a purge would have to note what it purged
    }
    const scopes = this.#deps.view.revoked_scopes();
    if (scopes.length > 0 && this.#pending() === 0) {
      const removed = await this.#deps.view.purge(scopes);
      if (removed > 0) this.#deps.incident("scope_purged", { scopes, removed });
    }
  }

  #pending(): number {
    return this.#deps.outbox.chains().reduce((sum, one) => sum + one.n - one.acked, 0);
  }

  /** One request for one incarnation; a former one is only asked about. Gives true when another should follow at once. */
  async #exchange(dev: string, push_only: boolean, former: boolean): Promise<boolean> {
    const { outbox, view } = this.#deps;
    const chain = () => outbox.chains().find((one) => one.dev === dev);
    const self = chain();
    if (self === undefined) return false;
    const lines = await outbox.lines(dev, self.acked + 1, this.#ops_max);
    if (push_only && !former && lines.length === 0 && this.#deps.who.reader() !== null) return false;
    const batch = lines.slice(0, plan_batch(lines, this.#ops_max));
    const header = {
      protocol: 1,
      dev: self.dev,
      from: self.acked + 1,
      prev_h: self.acked_h,
      cursor: push_only ? null : view.cursor(),
      limit: push_only ? 1 : PULL_LIMIT_DEFAULT,
      schema: this.#deps.schema,
      scopes: this.#deps.scopes(),
      status: this.#deps.status_header(),
    };
    const last = batch.at(-1)?.n ?? self.acked;
    outbox.flying(batch.length > 0 ? [self.acked + 1, last] : null);
    const asked_ms = this.#deps.now();
    let answer: SyncAnswer;
    try {
      const body = [encoder.encode(JSON.stringify(header)), ...batch.map((one) => one.line)];
      this.#reader = this.#deps.who.reader();
      const response = await this.#deps.transport.post_lines("/api/v1/sync", body, this.#reader ?? undefined);
      answer = (await response.json()) as SyncAnswer;
    } catch (error) {
      if (await this.#recover(error, batch.length)) return true;
      throw error;
    }
    if (this.#resting) return false;
    this.#contact(asked_ms, answer.now_ms);
    // All of ours is compared and the server has more under our name: this database is a copy, or came back from one.
    const outrun = !former && answer.acked > last && last === chain()?.n;
    if (answer.fork === true || outrun) {
      this.#deps.incident("fork", { dev });
      await outbox.fork(dev, answer.fork === true ? (answer.same_to ?? null) : last);
      return true;
    }
    if (answer.resend_from !== undefined) {
      this.#deps.incident("resend", { from: answer.resend_from });
      if (!(await outbox.rewind(dev, answer.resend_from))) throw new HttpError(503, "server_behind", null);
      return true;
    }
    // Beyond what this batch compared, the server may hold ops of a copy of this device.
    const acked = Math.min(answer.acked, last);
    const acked_h = acked === answer.acked ? answer.acked_h : (batch.at(-1)?.h ?? self.acked_h);
    await outbox.settle(dev, { ...answer, acked, acked_h });
    if (acked > self.acked) this.#progress_ms = this.#deps.now();
    if (answer.acked >= last) this.#ops_max = Math.min(OPS_PER_BATCH_MAX, this.#ops_max * 2);
    // A sign-in that ended still delivers and receives nothing (P-40): the person has to be told, or he waits for ever.
    const town_only = answer.scopes.granted.every((one) => one === "town");
    if (town_only && this.#deps.scopes() === null && this.#deps.who.signed_in()) this.state.needs_login = true;
    if (answer.push_only === true) {
      if (this.#reader !== null) this.#ask_login();
      await this.#store(() => view.note_granted(answer.scopes));
    }
    const left = (chain()?.n ?? 0) > acked && batch.length < lines.length;
    if (push_only || answer.push_only === true) return left || batch.length > 0;
    if (this.#resting) return false;
    await this.#store(async () => {
      await view.apply_page(answer, this.#deps.now());
      if (!answer.more && answer.digest !== undefined) await this.#compare(answer.digest);
    });
    return answer.more || left || batch.length > 0;
  }

  /** Keep something pulled; nothing of it is kept when it does not fit, and what is unsent still leaves. */
  async #store(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!is_full(error)) throw error;
      if (!this.#no_room) this.#deps.incident(NO_ROOM, {});
      this.#no_room = true;
    }
  }

  async #recover(error: unknown, sent: number): Promise<boolean> {
    if (!(error instanceof HttpError)) return false;
    this.#contact(null, null);
    if (error.status === 413 && sent > 1) {
      this.#ops_max = halve(Math.min(this.#ops_max, sent));
      return true;
    }
    if (error.status === 410) {
      this.#deps.incident("rebase", {});
      // First: should this be cut off, the old cursor brings us here again.
      await this.#deps.began_anew();
      await this.#store(() => this.#deps.view.drop_cursor());
      return true;
    }
    return false;
  }

  async #first_load(): Promise<void> {
    try {
      await this.#load_snapshots(null);
    } catch (error) {
      if (!(error instanceof HttpError) || error.status !== 404) throw error;
      this.#without_snapshots = true;
    }
  }

  async #load_snapshots(only: readonly string[] | null): Promise<void> {
    const narrowed = this.#deps.scopes();
    await load_snapshots(this.#deps.transport, this.#deps.view, only, narrowed, (progress) => {
      this.state.progress = progress;
      this.#deps.changed();
    });
    this.state.progress = null;
    this.#contact(null, null);
  }

  /** P-28: what we hold must be what the server holds. */
  async #compare(digest: Record<string, ScopeDigest>): Promise<void> {
    const ours = this.#deps.view.digests();
    const now = this.#deps.now();
    const leaving = new Set(this.#deps.view.revoked_scopes());
    const wrong = Object.entries(digest).filter(([scope, theirs]) => {
      if (leaving.has(scope)) return false; // what is not ours any more goes once our own work has left
      const mine = ours[scope] ?? { count: 0, xor: "0000000000000000" };
      if (mine.count === theirs.count && mine.xor === theirs.xor) return false;
      return now - (this.#refetched.get(scope) ?? Number.NEGATIVE_INFINITY) >= REFETCH_MS_MIN;
    });
    if (wrong.length === 0) return;
    const scopes = wrong.map(([scope]) => scope);
    for (const scope of scopes) this.#refetched.set(scope, now);
    this.#deps.incident("digest", { scopes });
    await this.#load_snapshots(scopes);
    this.#again = true;
  }

  #contact(asked_ms: number | null, server_ms: number | null): void {
    const now = this.#deps.now();
    this.state.online = true;
    if (this.#deps.who.reader() !== null) this.#refused = false;
    this.state.needs_login = this.#refused;
    this.state.last_contact_ms = now;
    if (this.state.attention !== "stuck") this.state.attention = null;
    if (asked_ms !== null && typeof server_ms === "number") {
      this.state.skew_s = Math.round(((asked_ms + now) / 2 - server_ms) / 1000) + 0; // never -0
    }
    this.#deps.changed();
  }

  /** For whom it was asked, not for whoever signed in meanwhile; the device's own token still delivers. */
  #ask_login(): void {
    if (this.#reader !== this.#deps.who.reader()) return;
    this.state.needs_login = true;
    this.#refused = this.#reader !== null;
    if (this.#reader !== null) this.#deps.who.refused(this.#reader);
  }

  #failed(error: unknown): number {
    this.#failures += 1;
    this.#failed_ms = this.#deps.now();
    const backoff = plan_backoff_ms(this.#failures - 1, this.#deps.jitter());
    if (!(error instanceof HttpError)) {
      this.state.online = false;
      if (!is_network_error(error)) {
        this.state.attention = "local_error";
        this.#deps.incident("local_error", { message: String(error) });
      }
      return backoff;
    }
    this.state.online = error.status < 500;
    if (error.status === 401) this.#ask_login();
    if (error.status !== 429 && error.status < 500)
      this.state.attention = error.status === 401 ? "needs_login" : error.code;
    return Math.max(backoff, error.retry_after_ms ?? 0);
  }

  /** Property 19: pending, online, no progress for ten minutes → break off, start again, and say so. */
  #watch(): void {
    const pending = this.#pending();
    const now = this.#deps.now();
    if (pending === 0) {
      this.#progress_ms = now;
      if (this.state.attention === "stuck") this.state.attention = null;
      return;
    }
    if (!is_stuck(now, pending, this.state.online, this.#progress_ms)) return;
    this.#progress_ms = now;
    this.state.attention = "stuck";
    this.#ops_max = OPS_PER_BATCH_MAX;
    this.#deps.incident("stuck", { pending });
    this.#deps.transport.abort();
  }
}
