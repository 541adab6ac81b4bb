/** What people typed, as text for Leaflet: a string would be taken for HTML. Owns nothing else. */
import { shown } from "./shown";

export function map_text(words: string): HTMLElement {
  const span = document.createElement("span");
  span.textContent = shown(words);
  return span;
}
