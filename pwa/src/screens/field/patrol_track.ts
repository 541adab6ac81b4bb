/**
 * The track of the running patrol: fixes while the page is awake, honest gaps while it is not.
 * Owns one recorder per page: the position watch, the wake lock, the unflushed fixes (kept as a draft so that a killed
 * page loses none) and the chunks. Must not interpolate: two fixes further apart than GAP_MS are never joined.
 * Invariants: a fix is on disk within one debounce; a chunk leaves the draft only after its op was written.
 */
import { shallowRef } from "vue";
import { distance_m } from "../../components/geo";
import { add, log } from "../../desk";
import { encode_track, type Fix } from "../../device/track_codec";
import type { Engine } from "../../engine";

export const GAP_MS = 15_000;
const STEP_M = 6;
const STEP_MS = 8_000;
const ACC_MAX_DM = 1_000;
const CHUNK_FIXES = 120;
const CHUNK_MS = 5 * 60_000;

export interface TrackView {
  patrol: string;
  state: "wait" | "ok" | "refused" | "paused";
  last: Fix | null;
  segments: Fix[][];
}
interface Kept {
  seq: number;
  fixes: Fix[];
  last: Fix | null;
}

export const track_view = shallowRef<TrackView | null>(null);

/** Cut a list of fixes wherever the next one comes too late to be joined. */
export function segments_of(fixes: readonly Fix[]): Fix[][] {
  const cut: Fix[][] = [];
  let last: Fix | null = null;
  for (const fix of fixes) {
    if (last === null || fix.t - last.t > GAP_MS) cut.push([]);
    cut[cut.length - 1]?.push(fix);
    last = fix;
  }
  return cut;
}

const lat_lon = (fix: Fix) => ({ lat: fix.lat_e7 / 1e7, lon: fix.lon_e7 / 1e7 });

export class Recorder {
  private kept: Kept = { seq: 0, fixes: [], last: null };
  private walked: Fix[] = [];
  private watch_id: number | null = null;
  private lock: WakeLockSentinel | null = null;
  private hidden_since: number | null = null;
  private chain: Promise<void> = Promise.resolve();
  private paused = false;

  constructor(
    private readonly engine: Engine,
    readonly patrol: string,
  ) {}

  private get key(): string {
    return `track:${this.patrol}`;
  }

  async open(paused: boolean): Promise<void> {
    const kept = await this.engine.drafts.get<Kept>(this.key);
    if (kept !== undefined) {
      this.kept = kept;
      this.walked = [...kept.fixes];
    }
    this.paused = paused;
    this.show(paused ? "paused" : "wait");
    document.addEventListener("visibilitychange", this.on_visibility);
    if (paused) return;
    if (this.kept.last !== null && this.engine.now() - this.kept.last.t > 4 * GAP_MS)
      await this.note_gap(this.kept.last.t, this.engine.now(), "killed");
    this.listen();
  }

  private show(state: TrackView["state"]): void {
    track_view.value = { patrol: this.patrol, state, last: this.kept.last, segments: segments_of(this.walked) };
  }

  private listen(): void {
    void this.keep_awake();
    if (this.watch_id !== null || !("geolocation" in navigator)) return;
    this.watch_id = navigator.geolocation.watchPosition(
      ({ coords }) =>
        this.take({
          t: this.engine.now(),
          lat_e7: Math.round(coords.latitude * 1e7),
          lon_e7: Math.round(coords.longitude * 1e7),
          acc_dm: Math.round(coords.accuracy * 10),
        }),
      (error) => this.show(error.code === error.PERMISSION_DENIED ? "refused" : "wait"),
      { enableHighAccuracy: true, maximumAge: 2_000, timeout: 30_000 },
    );
  }

  private async keep_awake(): Promise<void> {
    try {
      this.lock = (await navigator.wakeLock?.request("screen")) ?? null;
    } catch {
      // Low battery or hidden page: the track will have a gap, and the gap is recorded.
      this.lock = null;
    }
  }

  private take(fix: Fix): void {
    const last = this.kept.last;
    if (this.paused || fix.acc_dm > ACC_MAX_DM) return;
    if (last !== null && fix.t - last.t < STEP_MS && distance_m(lat_lon(last), lat_lon(fix)) < STEP_M) {
      this.show("ok");
      return;
    }
    if (last !== null && fix.t - last.t > 4 * GAP_MS && this.hidden_since === null)
      void this.note_gap(last.t, fix.t, "no_fix");
    this.kept.last = fix;
    this.kept.fixes.push(fix);
    this.walked.push(fix);
    void this.engine.drafts.put(this.key, this.kept);
    const first = this.kept.fixes[0];
    if (this.kept.fixes.length >= CHUNK_FIXES || (first !== undefined && fix.t - first.t > CHUNK_MS)) void this.flush();
    this.show("ok");
  }

  private readonly on_visibility = (): void => {
    if (document.hidden) {
      this.hidden_since = this.engine.now();
      return;
    }
    const since = this.hidden_since;
    this.hidden_since = null;
    if (this.paused) return;
    if (since !== null && this.engine.now() - since > GAP_MS)
      void this.note_gap(since, this.engine.now(), "screen_off");
    this.listen();
    void this.keep_awake();
  };

  private async note_gap(from_ms: number, to_ms: number, reason: string): Promise<void> {
    const entry = { from: new Date(from_ms).toISOString(), to: new Date(to_ms).toISOString(), reason };
    await this.engine.write([{ rec: this.patrol, kind: "patrol", f: { gaps: log(entry) } }]);
  }

  /** Close the unflushed fixes into one immutable chunk and name it in the patrol. One at a time. */
  flush(): Promise<void> {
    this.chain = this.chain.then(() => this.write_chunk());
    return this.chain;
  }

  private async write_chunk(): Promise<void> {
    const fixes = [...this.kept.fixes];
    const [first] = fixes;
    const end = fixes[fixes.length - 1];
    if (first === undefined || end === undefined) return;
    const blob = new Blob([encode_track(fixes)], { type: "application/x-xunan-track" });
    const { sha256, size } = await this.engine.keep_file(blob, {
      role: "track",
      mime: blob.type,
      owner: this.patrol,
      owner_kind: "patrol",
    });
    const chunk = {
      seq: this.kept.seq,
      t0: new Date(first.t).toISOString(),
      t1: new Date(end.t).toISOString(),
      count: fixes.length,
      sha256,
      size,
    };
    await this.engine.write([{ rec: this.patrol, kind: "patrol", f: { track: add(chunk) } }]);
    this.kept = { seq: this.kept.seq + 1, fixes: this.kept.fixes.slice(fixes.length), last: this.kept.last };
    await this.engine.drafts.put(this.key, this.kept);
  }

  async pause(): Promise<void> {
    this.paused = true;
    this.stop_listening();
    this.show("paused");
    await this.flush();
  }

  resume(): void {
    this.paused = false;
    this.show("wait");
    this.listen();
  }

  private stop_listening(): void {
    if (this.watch_id !== null) navigator.geolocation.clearWatch(this.watch_id);
    this.watch_id = null;
    void this.lock?.release();
    this.lock = null;
  }

  async end(): Promise<void> {
    this.stop_listening();
    document.removeEventListener("visibilitychange", this.on_visibility);
    await this.flush();
    await this.engine.drafts.drop(this.key);
    track_view.value = null;
  }
}

let current: Recorder | null = null;

/** The page's one recorder; opening another patrol closes the first. */
export async function recorder_for(engine: Engine, patrol: string, paused: boolean): Promise<Recorder> {
  if (current?.patrol === patrol) return current;
  if (current !== null) await current.pause();
  current = new Recorder(engine, patrol);
  await current.open(paused);
  return current;
}

export function forget_recorder(patrol: string): void {
  if (current?.patrol === patrol) current = null;
}
