/**
 * Keep the screen on during a patrol. Owns asking again after the browser released it (hidden page, low battery).
 * Must not insist: where the platform refuses, the patrol goes on and the track shows its gaps.
 */
export interface ScreenLock {
  readonly held: boolean;
  release(): void;
}

export function keep_screen_on(on_change: (held: boolean) => void = () => undefined): ScreenLock {
  let sentinel: WakeLockSentinel | null = null;
  let wanted = true;
  const ask = async () => {
    if (!wanted || sentinel !== null || document.visibilityState !== "visible" || !("wakeLock" in navigator)) return;
    try {
      sentinel = await navigator.wakeLock.request("screen");
      sentinel.addEventListener("release", () => {
        sentinel = null;
        on_change(false);
      });
      on_change(true);
      if (!wanted) await sentinel.release();
    } catch {
      on_change(false); // refused: battery saver or no permission; asked again when the page is shown again
    }
  };
  const on_visible = () => void ask();
  document.addEventListener("visibilitychange", on_visible);
  void ask();
  return {
    get held() {
      return sentinel !== null;
    },
    release: () => {
      wanted = false;
      document.removeEventListener("visibilitychange", on_visible);
      void sentinel?.release();
    },
  };
}
