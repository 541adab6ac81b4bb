/**
 * A form's memory: every change is kept on the device (草稿已存) and is there again after the page was killed.
 * Owns loading, debounced keeping and dropping of one draft. Must not write records.
 * Invariant: "saved" is shown only after the store said so; nothing typed while loading is overwritten.
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

  onMounted(async () => {
    const kept = await engine.drafts.get<Values>(key);
    if (kept !== undefined) {
      Object.assign(values, kept);
      restored.value = true;
      state.value = "saved";
    }
    ready.value = true;
  });
  const stop = watch(
    values,
    async () => {
      if (!ready.value || dropped) return;
      const mine = ++turn;
      state.value = "saving";
      await engine.drafts.put(key, JSON.parse(JSON.stringify(values)));
      if (mine === turn && !dropped) state.value = "saved";
    },
    { deep: true },
  );
  onScopeDispose(stop);

  async function drop(): Promise<void> {
    dropped = true;
    await engine.drafts.drop(key);
  }
  return { values, state, restored, ready, drop };
}
