/**
 * What the town erased goes from this device too (P-43): own ops the server names, their photos, drafts, older copies in packs.
 * Owns that step. Must not touch an own op the server does not name: it is a fact nobody has decided about, and is delivered.
 * Invariants: own text goes before the page that tells of it counts as taken, so a kill in between only makes it come again;
 * an own op keeps its number, its hash and its place, for a server that asks for it again; a file that anything else names stays.
 */

import type { WireState } from "../core/op";
import { erased_line, make_stamp } from "../core/stamp";
import type { Drawer } from "./drawer";
import type { PackRow, ViewRow } from "./open";
import type { Own } from "./own_ops";
import { type Stated, text_of } from "./pack";
import { open_pack, place_plain } from "./view_load";

export type MakePack = (drawer: Drawer, scope: string, part: number, states: readonly Stated[]) => Promise<PackRow>;

const FILE_TYPES = new Set<string>(["file", "chunk"]);

const sha_of = (value: unknown): string[] => {
  const sha = (value as { sha256?: unknown } | null)?.sha256;
  return typeof sha === "string" ? [sha] : [];
};

/** Only inside `serial`. */
export async function erase_own(drawer: Drawer, told: readonly WireState[]): Promise<void> {
  const states = told.filter((wire) => wire.erased !== undefined);
  if (states.length === 0) return;
  const going: Own[] = [];
  const files = new Set<string>();
  for (const { id, erased } of states) {
    const named = new Set(erased!.ops);
    for (const one of drawer.own.of(id)) {
      if (one.row.erased || !named.has(make_stamp(one.row.dev, one.row.n, one.row.h))) continue;
      going.push(one);
      for (const fop of Object.values(one.op?.fields ?? {})) for (const sha of sha_of(fop.v)) files.add(sha);
    }
    for (const values of drawer.model.folded(id)?.sets.values() ?? [])
      for (const [, value] of values) for (const sha of sha_of(value)) files.add(sha);
    await drawer.drop_drafts(id);
  }
  const ids = new Set(states.map((wire) => wire.id));
  const kept = files.size === 0 ? new Set() : files_of_others(drawer, ids, going);
  for (const sha of files) if (!kept.has(sha)) await drawer.drop_file(sha);
  if (going.length === 0) return;
  const rows = await drawer.ops.erase(going.map((one) => [one.row.dev, one.row.n] as const));
  for (const one of going) {
    one.row = rows.get(make_stamp(one.row.dev, one.row.n, one.row.h)) ?? one.row;
    one.line = erased_line(one.row.h, one.row.rec);
    one.op = null;
  }
  drawer.refresh_overlay();
  drawer.remember();
}

/** Every file that some other record, or an own op that stays, names. */
function files_of_others(drawer: Drawer, ids: ReadonlySet<string>, going: readonly Own[]): Set<string> {
  const found = new Set<string>();
  const { kinds } = drawer.ports;
  for (const kind of drawer.model.kinds_present()) {
    if (!Object.values(kinds[kind]?.fields ?? {}).some((field) => FILE_TYPES.has(field.type))) continue;
    for (const rec of drawer.model.records(kind))
      if (!ids.has(rec.id))
        for (const values of Object.values(rec.sets)) for (const one of values.flatMap(sha_of)) found.add(one);
  }
  for (const one of drawer.own.all())
    if (!going.includes(one))
      for (const fop of Object.values(one.op?.fields ?? {})) for (const sha of sha_of(fop.v)) found.add(sha);
  return found;
}

/** Packs that still hold an older copy of an erased record are written without it. Needs an unlocked device; may be repeated. */
export async function scrub_packs(drawer: Drawer, make_pack: MakePack): Promise<void> {
  if (!drawer.keys.unlocked) return;
  const rows = await drawer.view.erased_rows();
  if (rows.length === 0) return;
  const ids = new Set(rows.map((row) => row.id));
  const changed: PackRow[] = [];
  for (const pack of (await drawer.view.load()).packs) {
    const plain = place_plain(pack);
    if (!plain.some((one) => ids.has(one.id)) && !pack.sealed_ids.some(([id]) => ids.has(id))) continue;
    const personal = await open_pack(pack, drawer.keys);
    if (personal === null) return; // sealed with a key that is not open: at another unlock
    const left = [...plain, ...personal].filter((one) => !ids.has(one.id));
    const states = left.map((one) => ({ ...one, text: text_of(one.text) }));
    changed.push(await make_pack(drawer, pack.scope, pack.part, states));
  }
  await drawer.view.put_packs(
    changed,
    rows.map(({ erased: _done, ...row }): ViewRow => row),
  );
}
