/**
 * Changed rows become packs again, so that opening stays as fast as after the first sync.
 * Owns the choice of rows. Must not change what is shown. Invariants: packs written and rows deleted in one transaction;
 * tombstones, unreadable rows, erased records whose older copy is still in a pack, and rows whose older copy lies in another scope's pack stay rows (a purge of the new
 * scope must not bring the old copy back).
 */
import type { Keyring } from "./keys";
import type { PackRow, ViewRow } from "./open";
import { type Stated, text_of } from "./pack";
import { load_bases, place_plain } from "./view_load";

export const PACK_SIZE = 500;
/** One run's share: writing waits no longer than this takes. */
export const COMPACT_ROWS_MAX = 10 * PACK_SIZE;

export interface CompactPlan {
  /** Rows that go, as they were read. */
  rows: ViewRow[];
  packs: { scope: string; part: number; states: Stated[] }[];
}

export async function plan_compact(
  packs: readonly PackRow[],
  rows: readonly ViewRow[],
  keys: Keyring,
): Promise<CompactPlan> {
  const packed_in = new Map<string, Set<string>>();
  const parts = new Map<string, number>();
  for (const pack of packs) {
    parts.set(pack.scope, Math.max(parts.get(pack.scope) ?? 0, pack.part + 1));
    const plain = place_plain(pack).map((one) => one.id);
    for (const id of [...plain, ...pack.sealed_ids.map(([sealed]) => sealed)])
      packed_in.set(id, (packed_in.get(id) ?? new Set()).add(pack.scope));
  }
  const fit = rows
    .filter(
      (row) => !row.gone && !row.erased && [...(packed_in.get(row.id) ?? [])].every((scope) => scope === row.scope),
    )
    .slice(0, COMPACT_ROWS_MAX);
  const { bases } = await load_bases([], fit, keys);
  const texts = new Map(
    bases.flatMap(({ id, base }) => (base?.text ? [[id, { text: text_of(base.text), odd: base.odd }] as const] : [])),
  );
  const by_scope = new Map<string, ViewRow[]>();
  for (const row of fit) {
    if (!texts.has(row.id)) continue;
    const same = by_scope.get(row.scope) ?? [];
    same.push(row);
    by_scope.set(row.scope, same);
  }
  const plan: CompactPlan = { rows: [], packs: [] };
  for (const [scope, of_scope] of by_scope) {
    let part = parts.get(scope) ?? 0;
    for (let at = 0; at + PACK_SIZE <= of_scope.length; at += PACK_SIZE) {
      const chosen = of_scope.slice(at, at + PACK_SIZE);
      plan.rows.push(...chosen);
      plan.packs.push({
        scope,
        part,
        states: chosen.map((row) => ({ ...row, ...texts.get(row.id)! })),
      });
      part += 1;
    }
  }
  return plan;
}
