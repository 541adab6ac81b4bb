/** What a folded record shows. Mirrors sync/merge_kinds.py. */
export interface CounterState {
  value: number;
  disputed: boolean;
  recount_advised: boolean;
  negative: boolean;
}
