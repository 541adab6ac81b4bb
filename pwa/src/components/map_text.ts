/** What people typed, as text for Leaflet: a string would be taken for HTML. Owns nothing else. */
export function map_text(words: string): HTMLElement {
  const span = document.createElement("span");
  span.textContent = words;
  return span;
}
