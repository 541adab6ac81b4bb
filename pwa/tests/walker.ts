/**
 * Leads walks through the recorder a handheld has: fixes in, what it recorded and would draw out. Run by tests/tools/walks.py.
 * One JSON line in is one walk, a list of [t in ms or null, degrees north, degrees east, accuracy in m] (null: not a number);
 * one JSON line out is what became of it. Without a time the device's clock goes on by a second, as it does outside.
 */
import { createInterface } from "node:readline";
import { to_fix } from "../src/device/geolocation";
import { type Chunk, type Gap, TrackRecorder } from "../src/device/track";
import { decode_track, encode_track, type Fix } from "../src/device/track_codec";
import { segments_of } from "../src/screens/field/segments";

type Told = [number | null, number | null, number | null, number | null];
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function walk(points: Told[]): unknown {
  const [drawn, gaps, chunks] = [[] as Fix[], [] as Gap[], [] as Chunk[]];
  let now = points.find((point) => point[0] !== null)?.[0] ?? 0;
  const recorder = new TrackRecorder(
    { fix: (one) => drawn.push(one), gap: (one) => gaps.push(one), chunk: (one) => chunks.push(one) },
    (ms) => new Date(ms).toISOString(),
    now,
  );
  for (const [t, latitude, longitude, accuracy] of points) {
    now = t ?? now + 1_000;
    const coords = {
      latitude: latitude ?? Number.NaN,
      longitude: longitude ?? Number.NaN,
      accuracy: accuracy ?? Number.NaN,
    };
    // What the receiver says of the time is never believed: geolocation.ts puts the device's own in its place.
    recorder.add({ ...to_fix({ coords, timestamp: -1 } as GeolocationPosition), t: now });
  }
  recorder.finish(now);
  return {
    drawn,
    gaps,
    segments: segments_of(drawn).map((part) => part.length),
    chunks: chunks.map(({ bytes, ...named }) => {
      const decoded = decode_track(bytes);
      return { ...named, hex: hex(bytes), decoded, again: hex(encode_track(decoded)) };
    }),
  };
}

for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(walk(JSON.parse(line))));
