/**
 * Where this device is, once. Asks the platform and gives null when it cannot or may not answer.
 * Owns the time-out. Must not keep positions or watch continuously (device/ does that for patrols).
 */
import type { PointValue } from "../engine";

const WAIT_MS = 12_000;

export function here_once(): Promise<PointValue | null> {
  return new Promise((done) => {
    if (!("geolocation" in navigator)) {
      done(null);
      return;
    }
    navigator.geolocation.getCurrentPosition(
      ({ coords }) =>
        done({
          lat_e7: Math.round(coords.latitude * 1e7),
          lon_e7: Math.round(coords.longitude * 1e7),
          acc_dm: Math.round(coords.accuracy * 10),
        }),
      () => done(null),
      { enableHighAccuracy: true, timeout: WAIT_MS, maximumAge: 15_000 },
    );
  });
}
