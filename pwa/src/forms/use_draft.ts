/**
 * A form's memory: every change is kept on the device (草稿已存) and is there again after the page was killed.
 * Owns loading, debounced keeping and dropping of one draft. Must not write records.
 * Invariants: "saved" is shown only after the store said so, and never of what nobody typed; nothing typed while loading is overwritten.
 */
import { onMounted, onScopeDispose, reactive, ref, watch } from "vue";
import { use_engine } from "../use";

export type Values = Record<string, unknown>;

export function use_draft(key: string, initial: () => Values) {
  const engine = use_engine();
  const values = reactive<Values>(initial());
  const state = ref<"empty" | "saving" | "saved">("empty");
  const restored = ref(false);
  const ready = ref(false);
  let turn = 0;
  let dropped = false;
  /** What the form holds by itself; null once a person has put something in. */
  let untouched: string | null = JSON.stringify(values);

  onMounted(async () => {
    const kept = await engine.drafts.get<Values>(key);
    if (kept !== undefined) {
      Object.assign(values, kept);
      untouched = null;
      restored.value = true;
      state.value = "saved";
    }
    ready.value = true;
  });
  /** Keep it now, also when nothing is typed yet: a photo already bears the id of this draft. */
  async function keep(): Promise<void> {
    if (dropped) return;
    untouched = null;
    const mine = ++turn;
    state.value = "saving";
    await engine.drafts.put(key, JSON.parse(JSON.stringify(values)));
    if (mine === turn && !dropped) state.value = "saved";
  }
  const touched = (): boolean => untouched === null || JSON.stringify(values) !== untouched;
  const stop = watch(values, () => void (ready.value && touched() && keep()), { deep: true });
  /** What the device finds out by itself, such as the position, is no draft of anybody. */
  function fill(found: Values): void {
    const by_hand = touched();
    Object.assign(values, found);
    if (!by_hand) untouched = JSON.stringify(values);
  }
  onScopeDispose(stop);

  async function drop(): Promise<void> {
    dropped = true;
    await engine.drafts.drop(key);
  }
  return { values, state, restored, ready, fill, keep, drop };
}
