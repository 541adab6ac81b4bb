/**
 * The running patrol's track on this page: the recorder of device/ wired to records and files.
 * Owns one recording per page, whatever screen is shown. Must not interpolate and must not decide what a gap is.
 * Invariants: a chunk's bytes are kept before the op that names them is written; ops of one patrol are written in order.
 */
import { shallowRef } from "vue";
import { add, log } from "../../desk";
import { start_track, type TrackHandle } from "../../device/geolocation";
import { GAP_MS } from "../../device/track";
import type { Fix } from "../../device/track_codec";
import { keep_screen_on, type ScreenLock } from "../../device/wake_lock";
import type { Engine, Rec } from "../../engine";
import { to_ms } from "../../i18n";
import { segments_of } from "./segments";

const MIME = "application/x-xunan-track";

export interface TrackView {
  patrol: string;
  state: "wait" | "ok" | "refused" | "paused";
  last: Fix | null;
  segments: Fix[][];
}
export const track_view = shallowRef<TrackView | null>(null);

interface Recording {
  patrol: string;
  handle: TrackHandle | null;
  screen: ScreenLock | null;
  written: Promise<unknown>;
}
let current: Recording | null = null;
let paused_at: number[] = [];

function show(patrol: string, state: TrackView["state"], fix?: Fix): void {
  const before = track_view.value?.patrol === patrol ? track_view.value : null;
  const walked = before?.segments.flat() ?? [];
  if (fix) walked.push(fix);
  track_view.value = { patrol, state, last: fix ?? before?.last ?? null, segments: segments_of(walked, paused_at) };
}

/** The last moment something is on record of: what came after it died with the page. */
function known_until(rec: Rec): number {
  const chunks = (rec.sets.track ?? []) as { t1: string }[];
  const said = [...(rec.logs.gaps ?? []), ...(rec.logs.pauses ?? [])].map(
    (entry) => entry.v as { to?: string; at?: string },
  );
  const times = [rec.v.started_at, ...chunks.map((chunk) => chunk.t1), ...said.map((one) => one.to ?? one.at)];
  return Math.max(...times.map((time) => to_ms(time)));
}

/** Begin or go on recording; a page opened again after being killed says so with a gap, once there is a fix again. */
export async function open_recording(engine: Engine, rec: Rec): Promise<void> {
  if (current?.patrol === rec.id) return;
  if (current !== null) await close_recording();
  const recording: Recording = { patrol: rec.id, handle: null, screen: null, written: Promise.resolve() };
  current = recording;
  paused_at = [];
  const paused = rec.v.status === "paused";
  show(rec.id, paused ? "paused" : "wait");
  if (!("geolocation" in navigator)) {
    show(rec.id, "refused");
    return;
  }
  const write = (f: Record<string, unknown>): void => {
    recording.written = recording.written.then(() => engine.write([{ rec: rec.id, kind: "patrol", f }]));
  };
  const chunks = (rec.sets.track ?? []) as { seq: number; t1: string }[];
  const known_ms = Math.min(engine.now(), known_until(rec));
  const because = engine.now() - known_ms > GAP_MS ? "killed" : chunks.length > 0 ? "no_fix" : "started_late";
  recording.handle = start_track(
    {
      fix: (fix) => show(rec.id, "ok", fix),
      gap: (gap) => {
        if (gap.reason === "denied") show(rec.id, "refused");
        write({ gaps: log(gap) });
      },
      chunk: ({ bytes, ...named }) => {
        const blob = new Blob([bytes], { type: MIME });
        recording.written = recording.written.then(async () => {
          const kept = await engine.keep_file(blob, { role: "track", mime: MIME, owner: rec.id, owner_kind: "patrol" });
          await engine.write([{ rec: rec.id, kind: "patrol", f: { track: add({ ...named, ...kept }) } }]);
        });
      },
    },
    { known_ms, because, first_seq: chunks.length, paused },
    () => engine.now(),
  );
  if (!paused) recording.screen = keep_screen_on();
}

export async function pause_recording(): Promise<void> {
  current?.handle?.pause();
  current?.screen?.release();
  if (track_view.value?.last) paused_at.push(track_view.value.last.t);
  if (current) show(current.patrol, "paused");
  await current?.written;
}

export function resume_recording(): void {
  if (current === null) return;
  current.handle?.resume();
  current.screen = keep_screen_on();
  show(current.patrol, "wait");
}

/** Close the open chunk and wait until everything is on disk. */
export async function close_recording(): Promise<void> {
  const ending = current;
  current = null;
  ending?.handle?.stop();
  ending?.screen?.release();
  await ending?.written;
  track_view.value = null;
}
