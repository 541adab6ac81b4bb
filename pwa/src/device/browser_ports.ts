/**
 * The real world as ports: the only place where the engine's clock, randomness, network and storage come from.
 * Owns nothing but the adaptation. Tests give controllable ports instead (tests/rig.ts).
 */
import { KINDS } from "../generated/kinds";
import type { Ports } from "../ports";
import { battery_percent, watch_battery } from "./battery";
import { local_iso } from "./clock";
import { open_live } from "./live";
import { prepare_photo } from "./photo";
import { unpack_away } from "./unpack";

export const APP_VERSION = "1.0.0";
export const SCHEMA = 1;

export function browser_ports(): Ports {
  watch_battery();
  return {
    fetch: (input, init) => fetch(input, init),
    base: "",
    now: () => Date.now(),
    mono: () => performance.now(),
    iso: local_iso,
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    jitter: () => Math.random(),
    subtle: crypto.subtle,
    local: localStorage,
    locks: "locks" in navigator ? navigator.locks : null,
    channel: (name) => (typeof BroadcastChannel === "function" ? new BroadcastChannel(name) : null),
    storage: navigator.storage ?? null,
    set_timer: (ms, cb) => {
      const timer = setTimeout(cb, ms);
      return () => clearTimeout(timer);
    },
    on_wake: (cb) => {
      const visible = () => {
        if (document.visibilityState === "visible") cb();
      };
      window.addEventListener("online", cb);
      window.addEventListener("focus", cb);
      document.addEventListener("visibilitychange", visible);
      return () => {
        window.removeEventListener("online", cb);
        window.removeEventListener("focus", cb);
        document.removeEventListener("visibilitychange", visible);
      };
    },
    on_freeze: (freeze, thaw) => {
      document.addEventListener("freeze", freeze);
      document.addEventListener("resume", thaw);
      return () => {
        document.removeEventListener("freeze", freeze);
        document.removeEventListener("resume", thaw);
      };
    },
    open_live,
    battery: battery_percent,
    unpack: unpack_away,
    prepare_photo,
    // Not needed before the first file leaves.
    upload: async (job, signal) => (await import("../files/tus_upload")).tus_upload(job, signal),
    kinds: KINDS,
    app: APP_VERSION,
    schema: SCHEMA,
    db_prefix: "xunan",
    note_incident: (code, detail) => console.warn(`xunan ${code}`, detail),
  };
}
