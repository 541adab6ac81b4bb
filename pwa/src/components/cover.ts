/**
 * The lock over an open screen: when nobody touches it for the minutes the town set, and when a desk's sign-in has ended.
 * Owns when it comes and goes, and telling the server that somebody is at this desk. Must not: close the session, stop a recording or
 * unmount what lies under it: forms keep what was typed, a patrol goes on, sync goes on (P-42).
 */
import { shallowRef } from "vue";
import type { Engine } from "../engine";

/** `idle`: the same sign-in goes on; `ended`: a new one is needed. */
export type Cover = "idle" | "ended";
export const covered = shallowRef<Cover | null>(null);

const LOOK_MS = 5_000;
/** The server waits a minute longer than the page: often enough. */
const TELL_MS = 60_000;
const TOUCHES = ["pointerdown", "keydown", "wheel", "touchstart"] as const;

let touched_ms = 0;
let told_ms = 0;

export function cover(why: Cover): void {
  if (covered.value !== "ended") covered.value = why;
  // Sheets hang on the body, beside the app: everything but the cover disappears (base.css).
  document.body.dataset.covered = why;
}

export function uncover(): void {
  covered.value = null;
  delete document.body.dataset.covered;
  touched_ms = told_ms = Date.now();
}

export function watch_touch(engine: Engine): void {
  touched_ms = told_ms = Date.now();
  const tell = (): void => {
    told_ms = Date.now();
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
    engine.api("/api/v1/session/alive", init).catch((error: { code?: unknown }) => {
      // Without a network nothing is told; the server's own clock decides when it is back.
      if (error.code === "session_idle") cover("idle");
      if (error.code === "login_required") cover("ended");
    });
  };
  const look = (): void => {
    const { phase, lock_minutes } = engine.session;
    if (phase !== "open") {
      if (covered.value !== null) uncover();
      touched_ms = Date.now();
    } else if (lock_minutes > 0 && Date.now() - touched_ms >= lock_minutes * 60_000) cover("idle");
  };
  const touch = (event: Event): void => {
    look(); // a machine that slept fires no timer: the first touch must not wake it
    if (covered.value !== null) {
      // Escape would close the sheet that waits under the cover, and what was typed in it.
      if (event instanceof KeyboardEvent && event.key === "Escape") event.stopImmediatePropagation();
      return;
    }
    touched_ms = Date.now();
    const at_desk = engine.session.phase === "open" && engine.session.device?.kind === "desk";
    if (at_desk && touched_ms - told_ms >= TELL_MS) tell();
  };
  for (const name of TOUCHES) window.addEventListener(name, touch, { capture: true, passive: true });
  document.addEventListener("visibilitychange", look);
  setInterval(look, LOOK_MS);
  engine.on("session", look);
}
