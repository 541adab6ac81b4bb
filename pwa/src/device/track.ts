/**
 * A patrol's track: fixes, honest gaps, immutable chunks.
 * Owns gap detection and when a chunk is closed. Must not know the screen, the clock or the engine: they are arguments.
 * Invariants: a straight line is never drawn over silence: more than 15 s without a fix, a hidden page, a refused or
 * failing receiver, a clock set back and a pause each leave {from, to, reason}; what names no place on earth is refused;
 * a closed chunk never changes; a killed page loses at most one open chunk (CHUNK_MS).
 */
import { encode_track, type Fix, on_earth } from "./track_codec";

export const GAP_MS = 15_000;
/** 250 km/h: no patrol, by car or by boat. What comes faster is a receiver that leapt, or a forged fix (also in server/centre/tracks.py). */
const SPEED_MAX_M_S = 70;
const METRES_PER_DEGREE = 111_320;
export const CHUNK_POINTS_MAX = 240;
export const CHUNK_MS = 120_000;
/** Worse fixes than this are noise indoors: kept out of the line, but they do not make a gap. */
export const ACCURACY_DM_MAX = 1_000;

export type GapReason = "no_fix" | "hidden" | "denied" | "paused" | "started_late" | "killed" | "clock";

export interface Gap {
  /** ISO with offset. */
  from: string;
  to: string;
  reason: GapReason;
}

export interface Chunk {
  seq: number;
  t0: string;
  t1: string;
  count: number;
  bytes: Uint8Array<ArrayBuffer>;
}

export interface TrackEvents {
  fix(fix: Fix): void;
  gap(gap: Gap): void;
  chunk(chunk: Chunk): void;
}

/** Whether nobody gets from one fix to the other in that time, whatever the receiver's error and the rounding of times are taken for. */
export function leapt(before: Fix, fix: Fix): boolean {
  const north = (fix.lat_e7 - before.lat_e7) / 1e7;
  const east = ((fix.lon_e7 - before.lon_e7) / 1e7) * Math.cos((fix.lat_e7 / 1e7 / 180) * Math.PI);
  const metres = Math.hypot(north, east) * METRES_PER_DEGREE - (before.acc_dm + fix.acc_dm) / 10;
  return metres > SPEED_MAX_M_S * ((fix.t - before.t) / 1000 + 1);
}

/** Whether a receiver knows where it is: not a number, off the earth and exactly 0,0 are what it says when it does not. */
export function is_place(fix: Fix): boolean {
  return on_earth(fix) && (fix.lat_e7 !== 0 || fix.lon_e7 !== 0);
}

/** Pure recorder: feed it fixes and moments, it answers through events. */
export class TrackRecorder {
  #events: TrackEvents;
  #iso: (ms: number) => string;
  #open: Fix[] = [];
  #seq: number;
  #last_ms: number;
  #silent_because: GapReason;
  #paused_at: number | null = null;

  /** `start_ms`: until when the track is known; `because`: why nothing is known between then and the first fix. */
  constructor(
    events: TrackEvents,
    iso: (ms: number) => string,
    start_ms: number,
    first_seq = 0,
    because: GapReason = "started_late",
  ) {
    this.#events = events;
    this.#iso = iso;
    this.#last_ms = start_ms;
    this.#seq = first_seq;
    this.#silent_because = because;
  }

  get paused(): boolean {
    return this.#paused_at !== null;
  }

  add(fix: Fix): void {
    if (this.#paused_at !== null || !is_place(fix)) return;
    if (fix.t < this.#last_ms) {
      // A clock put right by a moment: what it repeats is shorter than a silence that counts.
      if (this.#last_ms - fix.t <= GAP_MS) return;
      this.#clock_set_back(fix.t);
    }
    this.#settle_silence(fix.t);
    this.#last_ms = fix.t;
    if (fix.acc_dm > ACCURACY_DM_MAX) return;
    this.#open.push(fix);
    this.#events.fix(fix);
    if (this.#open.length >= CHUNK_POINTS_MAX || fix.t - this.#open[0]!.t >= CHUNK_MS) this.flush();
  }

  /** Why the next silence, if any, will have happened: the latest known cause wins. */
  silent(reason: GapReason): void {
    if (this.#paused_at === null) this.#silent_because = reason;
  }

  pause(now_ms: number): void {
    if (this.#paused_at !== null) return;
    this.#settle_silence(now_ms);
    this.#paused_at = now_ms;
    this.flush();
  }

  resume(now_ms: number): void {
    if (this.#paused_at === null) return;
    this.#events.gap({ from: this.#iso(this.#paused_at), to: this.#iso(now_ms), reason: "paused" });
    this.#paused_at = null;
    this.#last_ms = now_ms;
    this.#silent_because = "no_fix";
  }

  finish(now_ms: number): void {
    if (this.#paused_at !== null) this.resume(now_ms);
    this.#settle_silence(now_ms);
    this.flush();
  }

  /** Close the open chunk, for example when the page is about to be hidden. */
  flush(): void {
    const fixes = this.#open;
    const [first, last] = [fixes[0], fixes.at(-1)];
    if (first === undefined || last === undefined) return;
    this.#open = [];
    const chunk = { seq: this.#seq, t0: this.#iso(first.t), t1: this.#iso(last.t), count: fixes.length };
    this.#seq += 1;
    this.#events.chunk({ ...chunk, bytes: encode_track(fixes) });
  }

  /** The walk goes on by the clock there is, and nobody can say how long it took to get here. */
  #clock_set_back(now_ms: number): void {
    this.flush();
    this.#events.gap({ from: this.#iso(this.#last_ms), to: this.#iso(now_ms), reason: "clock" });
    this.#last_ms = now_ms;
  }

  #settle_silence(now_ms: number): void {
    if (now_ms - this.#last_ms > GAP_MS) {
      this.flush();
      this.#events.gap({ from: this.#iso(this.#last_ms), to: this.#iso(now_ms), reason: this.#silent_because });
    }
    this.#last_ms = Math.max(this.#last_ms, now_ms);
    this.#silent_because = "no_fix";
  }
}
