/**
 * Size of the interface: normal, 长辈版 (×1.35), largest (body text 30 px).
 * Owns the choice and where it is kept. Must not hold anything that matters if it is lost.
 */
import { ref } from "vue";

export type View = "normal" | "elder" | "elder-max";
const STORE = "xunan.view";
const kept = localStorage.getItem(STORE);
export const view = ref<View>(kept === "elder" || kept === "elder-max" ? kept : "normal");

export function apply_view(next: View = view.value): void {
  view.value = next;
  localStorage.setItem(STORE, next);
  if (next === "normal") delete document.documentElement.dataset.view;
  else document.documentElement.dataset.view = next;
}
