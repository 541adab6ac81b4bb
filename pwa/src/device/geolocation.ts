/**
 * Position while the page is visible, and the truth about when it is not.
 * Owns the browser's watchPosition and visibility events behind one function. Must not store anything.
 * The platform gives no position to a hidden page (stack.md B.3): that is recorded as a gap, never bridged.
 */

import { local_iso } from "./clock";
import { type Gap, type GapReason, is_place, type TrackEvents, TrackRecorder } from "./track";
import type { Fix } from "./track_codec";

export interface TrackHandle {
  pause(): void;
  resume(): void;
  /** Close the open chunk and stop watching. */
  stop(): void;
  readonly paused: boolean;
  readonly last: Fix | null;
}

const WATCH: PositionOptions = { enableHighAccuracy: true, maximumAge: 0, timeout: 20_000 };
const PERMISSION_DENIED = 1;

export function to_fix(position: GeolocationPosition): Fix {
  const { latitude, longitude, accuracy } = position.coords;
  return {
    t: position.timestamp,
    lat_e7: Math.round(latitude * 1e7),
    lon_e7: Math.round(longitude * 1e7),
    acc_dm: Math.round(accuracy * 10),
  };
}

/** Where a recording begins, or goes on after the page was gone. */
export interface TrackStart {
  /** Until when the track is known, and why nothing is known since. */
  known_ms: number;
  because: GapReason;
  /** Continues the chunk numbers of an interrupted patrol. */
  first_seq: number;
  paused: boolean;
}

/** Record a patrol. */
export function start_track(events: TrackEvents, start: TrackStart, now: () => number = Date.now): TrackHandle {
  let last: Fix | null = null;
  const recorder = new TrackRecorder(
    {
      ...events,
      fix: (fix) => {
        last = fix;
        events.fix(fix);
      },
    },
    local_iso,
    start.known_ms,
    start.first_seq,
    start.because,
  );
  if (start.paused) recorder.pause(start.known_ms);
  const watch = navigator.geolocation.watchPosition(
    // Device clock, not the receiver's: all times of one device must come from one clock.
    (position) => recorder.add({ ...to_fix(position), t: now() }),
    (error) => {
      // Any other failure explains nothing: a hidden page stays the reason when the receiver needs a while afterwards.
      if (error.code === PERMISSION_DENIED) recorder.silent("denied");
    },
    WATCH,
  );
  const on_visibility = () => {
    if (document.visibilityState !== "hidden") return;
    recorder.silent("hidden");
    recorder.flush();
  };
  document.addEventListener("visibilitychange", on_visibility);
  return {
    pause: () => recorder.pause(now()),
    resume: () => recorder.resume(now()),
    stop: () => {
      navigator.geolocation.clearWatch(watch);
      document.removeEventListener("visibilitychange", on_visibility);
      recorder.finish(now());
    },
    get paused() {
      return recorder.paused;
    },
    get last() {
      return last;
    },
  };
}

export type { Gap };

/** One fix now, or null after the time-out: a missing position never blocks a record. */
export function one_fix(timeout_ms = 10_000): Promise<Fix | null> {
  return new Promise((resolve) => {
    if (!("geolocation" in navigator)) {
      resolve(null);
      return;
    }
    const options = { enableHighAccuracy: true, maximumAge: 15_000, timeout: timeout_ms };
    navigator.geolocation.getCurrentPosition(
      (position) => {
        const fix = to_fix(position);
        resolve(is_place(fix) ? fix : null);
      },
      () => resolve(null),
      options,
    );
  });
}
