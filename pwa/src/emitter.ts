/**
 * Topics screens follow. Owns coalescing: changes before the next turn call a follower once.
 * Must not carry data; followers read the engine.
 */
import type { Topic } from "./engine_types";

export class Emitter {
  #followers = new Map<string, Set<() => void>>();
  #due = new Set<string>();

  on(topic: Topic, cb: () => void): () => void {
    const set = this.#followers.get(topic) ?? new Set();
    this.#followers.set(topic, set);
    set.add(cb);
    return () => set.delete(cb);
  }

  emit(topic: Topic): void {
    // A turn of its own: whoever saves hears "saved" first, and screens are drawn once for many saves.
    if (this.#due.size === 0) setTimeout(() => this.#flush());
    this.#due.add(topic);
  }

  #flush(): void {
    const topics = [...this.#due];
    this.#due.clear();
    for (const topic of topics) for (const cb of [...(this.#followers.get(topic) ?? [])]) cb();
  }
}
