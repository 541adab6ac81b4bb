/**
 * From stored packs and rows to record bases in memory.
 * Owns the precedence (greatest seq; a row wins a tie) and opening of sealed parts. Must not fold or write.
 * Invariant: what cannot be opened stays as a stub with its id, seq and kind, so digests and purge counts stay exact.
 */
import type { WireState } from "../core/op";
import type { Keyring } from "./keys";
import type { PlannedBase } from "./model";
import type { PackRow, ViewRow } from "./open";

export async function load_bases(
  packs: readonly PackRow[],
  rows: readonly ViewRow[],
  keys: Keyring,
): Promise<{ bases: PlannedBase[]; gone: string[] }> {
  const bases = new Map<string, PlannedBase>();
  const offer = (id: string, kind: string, scope: string, seq: number, wire: WireState | null) => {
    const held = bases.get(id)?.base;
    if (held && held.seq > seq) return;
    bases.set(id, { id, base: { kind, scope, seq, wire } });
  };
  for (const pack of packs) {
    const states = JSON.parse(pack.plain) as WireState[];
    const opened = pack.sealed === null ? null : await keys.unseal_text(pack.sealed);
    if (opened !== null) states.push(...(JSON.parse(opened) as WireState[]));
    else for (const [id, seq, kind] of pack.sealed_ids) offer(id, kind, pack.scope, seq, null);
    for (const wire of states) offer(wire.id, wire.kind, pack.scope, wire.seq ?? 0, wire);
  }
  const gone: string[] = [];
  for (const row of rows) {
    if (!row.gone) {
      const text = row.text ?? (row.sealed === null ? null : await keys.unseal_text(row.sealed));
      offer(row.id, row.kind, row.scope, row.seq, text === null ? null : (JSON.parse(text) as WireState));
      continue;
    }
    const held = bases.get(row.id)?.base;
    if (held && held.seq > row.seq) continue;
    bases.delete(row.id);
    gone.push(row.id);
  }
  return { bases: [...bases.values()], gone };
}
