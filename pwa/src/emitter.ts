/**
 * Topics screens follow. Owns coalescing: many changes in one turn call a follower once.
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
    if (this.#due.size === 0) queueMicrotask(() => this.#flush());
    this.#due.add(topic);
  }

  #flush(): void {
    const topics = [...this.#due];
    this.#due.clear();
    for (const topic of topics) for (const cb of [...(this.#followers.get(topic) ?? [])]) cb();
  }
}
