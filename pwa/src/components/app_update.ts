/**
 * The service worker: registers it, and asks before a new version takes over.
 * Owns the asking. Must not reload on its own: a form may be open.
 */
import { shallowRef } from "vue";
import { t } from "../i18n";
import { TAKE_OVER } from "../take_over";
import { say } from "./toast";

/** A handheld is rarely loaded anew: it asks when it comes to the front, not more often than this. */
const ASK_AGAIN_MS = 3_600_000;

/** How to take the waiting version; settings offers it after the remark is gone. */
export const take_update = shallowRef<(() => void) | null>(null);

export async function watch_updates(): Promise<void> {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  let agreed = false;
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (agreed) location.reload();
  });
  const registration = await navigator.serviceWorker.register("/sw.js");
  const offer = (worker: ServiceWorker | null): void => {
    if (worker === null || navigator.serviceWorker.controller === null) return;
    const run = (): void => {
      agreed = true;
      worker.postMessage({ type: TAKE_OVER });
    };
    take_update.value = run;
    say(t("app.new_version"), { words: t("app.update"), run });
  };
  let asked_ms = Date.now();
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible" || Math.abs(Date.now() - asked_ms) < ASK_AGAIN_MS) return;
    asked_ms = Date.now();
    // Without a network there is nothing new.
    registration.update().catch(() => undefined);
  });
  offer(registration.waiting);
  registration.addEventListener("updatefound", () => {
    const fresh = registration.installing;
    fresh?.addEventListener("statechange", () => {
      if (fresh.state === "installed") offer(fresh);
    });
  });
}
