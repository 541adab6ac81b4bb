/**
 * From stored packs and rows to record bases in memory.
 * Owns the precedence (greatest seq; a row wins a tie) and opening of sealed parts. Must not fold or write.
 * Invariant: what cannot be opened stays as a stub with its id, seq and kind, so digests and purge counts stay exact.
 */
import type { WireState } from "../core/op";
import type { Keyring } from "./keys";
import type { PlannedBase } from "./model";
import type { PackRow, ViewRow } from "./open";
import { type Indexed, PackText, type Placed, place_states, type StateText, state_of } from "./pack";
import { give_way, SLICE } from "./pause";

type Opener = Pick<Keyring, "unseal" | "unseal_text">;

export interface Loaded {
  bases: PlannedBase[];
  gone: string[];
  /** What was not opened, and may be later. */
  closed: Closed;
}

export interface Closed {
  packs: PackRow[];
  rows: ViewRow[];
}

export async function load_bases(packs: readonly PackRow[], rows: readonly ViewRow[], keys: Opener): Promise<Loaded> {
  const bases = new Map<string, PlannedBase>();
  const closed: Closed = { packs: [], rows: [] };
  const offer = (scope: string, one: Omit<Placed, "text"> & { text: StateText | null }) => {
    const { id, kind, seq, text, odd } = one;
    const held = bases.get(id)?.base;
    if (held && held.seq > seq) return;
    bases.set(id, { id, base: { kind, scope, seq, text, odd } });
  };
  let done = 0;
  for (const pack of packs) {
    const personal = await open_pack(pack, keys);
    if (personal === null) {
      closed.packs.push(pack);
      for (const [id, seq, kind, , odd] of pack.sealed_ids)
        offer(pack.scope, { id, kind, seq, text: null, odd: odd !== 0 });
    }
    const states = [...place_plain(pack), ...(personal ?? [])];
    for (const one of states) offer(pack.scope, one);
    done += states.length;
    if (done < SLICE) continue;
    done = 0;
    await give_way();
  }
  const gone: string[] = [];
  for (const row of rows) {
    if (!row.gone) {
      const text = row.text ?? (row.sealed === null ? null : await keys.unseal_text(row.sealed));
      if (text === null) closed.rows.push(row);
      offer(row.scope, { ...row, text, odd: row.odd !== false });
      continue;
    }
    const held = bases.get(row.id)?.base;
    if (held && held.seq > row.seq) continue;
    bases.delete(row.id);
    gone.push(row.id);
  }
  return { bases: [...bases.values()], gone, closed };
}

/** After unlocking: everything sealed that a key at hand opens. Packs are opened side by side, off this thread. */
export async function open_closed({ packs, rows }: Closed, keys: Opener): Promise<{ opened: Placed[]; left: number }> {
  const by_pack = await Promise.all(packs.map((pack) => open_pack(pack, keys)));
  const by_row = await Promise.all(rows.map(async (row) => [row, await keys.unseal_text(row.sealed!)] as const));
  const opened = by_pack.flatMap((states) => states ?? []);
  for (const [row, text] of by_row) if (text !== null) opened.push({ ...row, text, odd: row.odd !== false });
  const left = by_pack.filter((states) => states === null).length + by_row.filter(([, text]) => text === null).length;
  return { opened, left };
}

/** The personal states of a pack; null while they cannot be read. */
export async function open_pack(pack: PackRow, keys: Opener): Promise<Placed[] | null> {
  if (pack.sealed === null) return [];
  const bytes = await keys.unseal(pack.sealed);
  if (bytes === null) return null;
  return place(pack.sealed_ids, new PackText(bytes));
}

export function place_plain(pack: PackRow): Placed[] {
  return place(pack.plain_ids ?? [], new PackText(pack.plain));
}

/** A pack of an earlier version does not say where its states lie: it is read from end to end. */
function place(ids: PackRow["sealed_ids"], pack: PackText): Placed[] {
  if (ids.length > 0 && ids.every((one): one is Indexed => one.length === 5)) return place_states(ids, pack);
  return (JSON.parse(pack.slice(0, Number.MAX_SAFE_INTEGER)) as WireState[]).map(state_of);
}
