/** What a page has and node has not, for modules that read their settings as they are loaded: import this first. */
// Vue looks for a page as it is loaded, and must not take this for one.
import "vue";
import { vi } from "vitest";

const kept = new Map<string, string>();
vi.stubGlobal("localStorage", {
  getItem: (key: string) => kept.get(key) ?? null,
  setItem: (key: string, value: string) => void kept.set(key, value),
});
vi.stubGlobal("document", { documentElement: { lang: "", dataset: {} } });
