/**
 * How many people are on the roster and how many nobody has confirmed for long, counted while nobody waits for it.
 * Owns the count only. Invariant: 今日 never waits for a roster of thousands; until it is counted the number held is shown.
 */
import { onScopeDispose, type ShallowRef, shallowRef } from "vue";
import type { Engine, Rec } from "../../engine";
import { when_idle } from "../../store/pause";

/** A roster entry is to be confirmed twice a year. */
export const CONFIRM_DAYS = 183;
const AT_ONCE = 50;

export interface RosterCount {
  people: number;
  stale: number;
}

export const is_stale = (rec: Rec, now: number): boolean =>
  Boolean(rec.v.last_confirmed) && now - Date.parse(rec.v.last_confirmed) > CONFIRM_DAYS * 86_400_000;

/** Null when `still` says that a newer count has begun. */
export async function count_roster(
  engine: Pick<Engine, "ids" | "record" | "now">,
  still: () => boolean,
  pause: () => Promise<void> = when_idle,
): Promise<RosterCount | null> {
  const ids = engine.ids("person");
  const found = { people: 0, stale: 0 };
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    await pause();
    if (!still()) return null;
    for (const id of ids.slice(at, at + AT_ONCE)) {
      const rec = engine.record(id);
      if (rec === undefined) continue;
      found.people += 1;
      if (is_stale(rec, engine.now())) found.stale += 1;
    }
  }
  return found;
}

export function use_roster_count(engine: Engine): ShallowRef<RosterCount> {
  const count = shallowRef<RosterCount>({ people: engine.ids("person").length, stale: 0 });
  let turn = 0;
  const begin = () => {
    turn += 1;
    const mine = turn;
    void count_roster(engine, () => mine === turn).then((found) => {
      if (found !== null) count.value = found;
    });
  };
  const off = engine.on("records:person", begin);
  begin();
  onScopeDispose(() => {
    turn += 1;
    off();
  });
  return count;
}
