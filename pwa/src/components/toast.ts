/** One short remark at a time, e.g. "saved on this device". Owns its own timing; must not carry errors that need an act. */
import { shallowRef } from "vue";

export interface Toast {
  words: string;
  act?: { words: string; run: () => void };
}
export const toast = shallowRef<Toast | null>(null);
const SHOWN_MS = 4000;
let timer: ReturnType<typeof setTimeout> | undefined;

export function say(words: string, act?: Toast["act"]): void {
  toast.value = act ? { words, act } : { words };
  clearTimeout(timer);
  timer = setTimeout(() => {
    toast.value = null;
  }, SHOWN_MS);
}
