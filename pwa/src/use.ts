/**
 * Vue composables over the engine: shallow refs that follow its topics.
 * Owns the link between engine events and reactivity. Must not hold data of its own or call storage.
 * Invariant: only the first screen may stand before the engine is open; it follows what there is so far.
 */
import { onScopeDispose, type Ref, type ShallowRef, shallowRef, watch } from "vue";
import type { Conflict, Engine, Held, Queue, Rec, Session, Status, Topic } from "./engine_types";

const early_session = shallowRef<Session | null>(null);
const current = shallowRef<Engine | null>(null);
let open_waiting: (engine: Engine) => void = () => undefined;
/** The engine, once it is open. */
export const when_open = new Promise<Engine>((resolve) => {
  open_waiting = resolve;
});

/** Called by main.ts as soon as it is known who may open this device. */
export function provide_session(session: Session): void {
  early_session.value = session;
}

/** Called once by main.ts when the engine is open. */
export function provide_engine(engine: Engine): void {
  current.value = engine;
  open_waiting(engine);
}

export function use_engine(): Engine {
  if (current.value === null) throw new Error("the engine is not open yet");
  return current.value;
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

/** For the first screen: `before` until the engine is open, then what `read` finds. */
function follow_soon<T>(topics: readonly Topic[], before: () => T, read: (engine: Engine) => T): ShallowRef<T> {
  const value = shallowRef(before()) as ShallowRef<T>;
  const offs: (() => void)[] = [];
  const look = (engine: Engine | null) => {
    value.value = engine === null ? before() : read(engine);
    if (engine === null || offs.length > 0) return;
    for (const topic of topics) offs.push(engine.on(topic, () => look(engine)));
  };
  watch([early_session, current], () => look(current.value), { immediate: true });
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

/** Who may open this device; null until that is known. */
export const use_session_soon = (): ShallowRef<Session | null> =>
  follow_soon(
    ["session"],
    () => early_session.value,
    (engine) => ({ ...engine.session }),
  );
/** What waits here; before the engine is open, what it noted last. */
export const use_waiting = (noted: Held): ShallowRef<Held> =>
  follow_soon(
    ["sync", "queue"],
    () => noted,
    (engine) => engine.status().held,
  );
