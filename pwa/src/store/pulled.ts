/**
 * The pulled view as the courier sees it: pages, snapshots, purge, digests.
 * Owns sealing of personal states and the plan of one transaction. Must not touch the outbox or the network.
 * Invariants: rows, cursor and digests of a page commit together (P-25); memory follows the commit; a purge reports the
 * number of records actually removed (P-40).
 */
import type { WireState } from "../core/op";
import type { View } from "../courier/courier";
import type { SyncAnswer } from "../courier/wire";
import { PACK_SIZE, plan_compact } from "./compact";
import type { Drawer } from "./drawer";
import type { PlannedBase } from "./model";
import type { PackRow, ViewRow } from "./open";
import type { ViewMeta } from "./view_store";

export function make_view(drawer: Drawer): View {
  const { view, model, keys } = drawer;

  async function to_row(wire: WireState): Promise<ViewRow> {
    const text = JSON.stringify(wire);
    const sealed = drawer.is_personal(wire.kind) ? await keys.seal(text) : null;
    const base = { id: wire.id, kind: wire.kind, scope: wire.scope, seq: wire.seq ?? 0, gone: false };
    return { ...base, text: sealed === null ? text : null, sealed };
  }

  /** What stays in memory: nothing personal while locked. */
  const to_base = (wire: WireState, scope = wire.scope): PlannedBase => ({
    id: wire.id,
    base: {
      kind: wire.kind,
      scope,
      seq: wire.seq ?? 0,
      wire: drawer.is_personal(wire.kind) && !keys.unlocked ? null : wire,
    },
  });

  async function apply_page(answer: SyncAnswer, now_ms: number): Promise<void> {
    await drawer.serial(async () => {
      const records = answer.records.filter((wire) => (wire.seq ?? 0) >= model.base_seq(wire.id));
      const named = new Set(answer.records.map((wire) => wire.id));
      const gone = answer.gone.filter((id) => !named.has(id));
      const changes: PlannedBase[] = [
        ...gone.map((id) => ({ id, base: null })),
        ...records.map((wire) => to_base(wire)),
      ];
      const rows = await Promise.all(records.map(to_row));
      for (const id of gone) rows.push(tombstone(id, model.kind_of(id) ?? "", answer.seq));
      const granted = answer.scopes?.granted ?? drawer.meta.granted;
      const meta: ViewMeta = {
        ...drawer.meta,
        cursor: answer.cursor,
        seq: answer.seq,
        digests: model.plan_digests(changes),
        granted,
        as_of_ms: answer.more ? drawer.meta.as_of_ms : now_ms,
      };
      await view.put_page(rows, meta);
      const regranted = granted.join() !== drawer.meta.granted.join();
      drawer.meta = meta;
      model.apply(changes, meta.digests);
      model.mark_gone(gone);
      if (regranted) drawer.refresh_overlay();
      if (changes.length > 0) drawer.events.records(changes.map((one) => one.id));
    });
  }

  async function import_snapshot(scope: string, packs: readonly WireState[][]): Promise<void> {
    await drawer.serial(async () => {
      const force = drawer.meta.cursor === null;
      const stored: PackRow[] = await Promise.all(packs.map((pack, part) => to_pack(scope, part, pack)));
      const states = packs.flat();
      const wins = (wire: WireState) =>
        force || model.base_scope(wire.id) === scope || model.base_seq(wire.id) <= (wire.seq ?? 0);
      const present = new Set(states.map((wire) => wire.id));
      const removed = model.ids_of_scope(scope).filter((id) => !present.has(id));
      const changes: PlannedBase[] = [
        ...removed.map((id) => ({ id, base: null })),
        ...states.filter(wins).map((wire) => to_base(wire, scope)),
      ];
      const replaced = states.filter(wins).map((wire) => wire.id);
      const complete = [...new Set([...drawer.meta.complete, scope])];
      const meta: ViewMeta = { ...drawer.meta, digests: model.plan_digests(changes), complete };
      await view.put_snapshot(scope, stored, replaced, meta);
      drawer.meta = meta;
      model.apply(changes, meta.digests);
      drawer.events.records([]);
    });
  }

  const to_pack = (scope: string, part: number, states: readonly WireState[]) => make_pack(drawer, scope, part, states);

  async function put_meta(change: Partial<ViewMeta>): Promise<void> {
    await drawer.serial(async () => {
      const meta = { ...drawer.meta, ...change };
      await view.put_meta(meta);
      drawer.meta = meta;
    });
  }

  return {
    cursor: () => drawer.meta.cursor,
    apply_page,
    import_snapshot,
    note_granted: async (granted) => {
      if (granted.join() === drawer.meta.granted.join()) return;
      await put_meta({ granted: [...granted] });
      drawer.refresh_overlay();
      drawer.events.records([]);
    },
    set_cursor: (cursor) => put_meta({ cursor }),
    drop_cursor: () => put_meta({ cursor: null, complete: [] }),
    digests: () => model.digests,
    revoked_scopes: () => {
      const { granted, complete } = drawer.meta;
      if (granted.length === 0) return [];
      const held = Object.entries(model.digests).filter(([, digest]) => digest.count > 0);
      return [...new Set([...complete, ...held.map(([scope]) => scope)])].filter((scope) => !granted.includes(scope));
    },
    purge: async (scopes) => {
      let removed = 0;
      await drawer.serial(async () => {
        for (const scope of scopes) {
          const ids = model.ids_of_scope(scope);
          const changes = ids.map((id) => ({ id, base: null }));
          const { [scope]: _gone, ...digests } = model.plan_digests(changes);
          const keep = (list: string[]) => list.filter((one) => one !== scope);
          const meta = {
            ...drawer.meta,
            digests,
            complete: keep(drawer.meta.complete),
            granted: keep(drawer.meta.granted),
          };
          await view.put_snapshot(scope, [], [], meta);
          drawer.meta = meta;
          model.apply(changes, digests);
          removed += ids.length;
        }
        drawer.refresh_overlay();
        drawer.events.records([]);
      });
      return removed;
    },
  };
}

async function make_pack(
  drawer: Pick<Drawer, "is_personal" | "keys">,
  scope: string,
  part: number,
  states: readonly WireState[],
): Promise<PackRow> {
  const personal = states.filter((wire) => drawer.is_personal(wire.kind));
  const plain = JSON.stringify(states.filter((wire) => !drawer.is_personal(wire.kind)));
  const sealed = personal.length === 0 ? null : await drawer.keys.seal(JSON.stringify(personal));
  return { scope, part, plain, sealed, sealed_ids: personal.map((wire) => [wire.id, wire.seq ?? 0, wire.kind]) };
}

/** Turn changed rows into packs once there are enough of them. Gives how many rows went. */
export function compact_view(drawer: Drawer): Promise<number> {
  return drawer.serial(async () => {
    if (!drawer.keys.unlocked || (await drawer.view.row_count()) < PACK_SIZE) return 0;
    const { packs, rows } = await drawer.view.load();
    const plan = await plan_compact(packs, rows, drawer.keys);
    if (plan.rows.length === 0) return 0;
    const made = await Promise.all(plan.packs.map((one) => make_pack(drawer, one.scope, one.part, one.states)));
    return (await drawer.view.compact(plan.rows, made)) ? plan.rows.length : 0;
  });
}

const tombstone = (id: string, kind: string, seq: number): ViewRow => ({
  id,
  kind,
  scope: "",
  seq,
  gone: true,
  text: null,
  sealed: null,
});
