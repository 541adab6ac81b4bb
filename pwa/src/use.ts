/**
 * Vue composables over the engine: shallow refs that follow its topics.
 * Owns the link between engine events and reactivity. Must not hold data of its own or call storage.
 */
import { onScopeDispose, type Ref, type ShallowRef, shallowRef, watch } from "vue";
import type { Conflict, Engine, Queue, Rec, Session, Status, Topic } from "./engine_types";

let current: Engine | null = null;

/** Called once by main.ts after `open_engine`. */
export function provide_engine(engine: Engine): void {
  current = engine;
}

export function use_engine(): Engine {
  if (current === null) throw new Error("the engine is not open yet");
  return current;
}

function follow<T>(topics: readonly Topic[], read: () => T): ShallowRef<T> {
  const engine = use_engine();
  const value = shallowRef(read()) as ShallowRef<T>;
  const offs = topics.map((topic) =>
    engine.on(topic, () => {
      value.value = read();
    }),
  );
  onScopeDispose(() => {
    for (const off of offs) off();
  });
  return value;
}

export const use_records = (kind: string): ShallowRef<Rec[]> =>
  follow([`records:${kind}`], () => use_engine().records(kind));

/** Follows one record; `id` may be a ref so that a screen can be reused for another record. */
export function use_record(id: string | Ref<string>): ShallowRef<Rec | undefined> {
  const read = () => use_engine().record(typeof id === "string" ? id : id.value);
  const value = follow(["records"], read);
  if (typeof id !== "string") {
    watch(id, () => {
      value.value = read();
    });
  }
  return value;
}

export const use_status = (): ShallowRef<Status> => follow(["sync", "queue"], () => ({ ...use_engine().status() }));
export const use_session = (): ShallowRef<Session> => follow(["session"], () => ({ ...use_engine().session }));
export const use_queue = (): ShallowRef<Queue> => follow(["queue", "sync"], () => use_engine().queue());
export const use_conflicts = (): ShallowRef<Conflict[]> => follow(["records"], () => use_engine().conflicts());
