/**
 * The pulled view as the courier sees it: pages, snapshots, purge, digests.
 * Owns sealing of personal states and the plan of one transaction. Must not touch the outbox or the network.
 * Invariants: rows, cursor and digests of a page commit together (P-25); memory follows the commit; a purge reports the
 * number of records actually removed (P-40), and takes of a scope held masked all but the common kinds (P-45).
 */
import type { WireState } from "../core/op";
import { xor_hex } from "../core/stamp";
import type { View } from "../courier/courier_types";
import type { GrantedScopes, SyncAnswer } from "../courier/wire";
import { PACK_SIZE, plan_compact } from "./compact";
import { EMPTY_DIGEST } from "./digest";
import type { Drawer } from "./drawer";
import { erase_own, scrub_packs } from "./erase";
import type { PlannedBase } from "./model";
import type { PackRow, ViewRow } from "./open";
import { join_states, PackText, type Placed, place_states, type Stated, type StateText, state_of } from "./pack";
import { give_way, in_slices } from "./pause";
import type { Unpacked } from "./unpack";
import type { ViewMeta } from "./view_store";

export function make_view(drawer: Drawer): View {
  const { view, model, keys } = drawer;

  async function to_row(wire: WireState): Promise<{ row: ViewRow; change: PlannedBase }> {
    const { scope } = wire;
    const { id, kind, seq, text, odd } = state_of(wire);
    // Of an erased record nothing personal is left (P-43).
    const secret = drawer.is_personal(kind) && wire.erased === undefined;
    const sealed = secret ? await keys.seal(text) : null;
    const row: ViewRow = { id, kind, scope, seq, gone: false, text: secret ? null : text, sealed, odd };
    if (wire.erased !== undefined) row.erased = true;
    return { row, change: { id, base: { kind, scope, seq, text: secret && !keys.unlocked ? null : text, odd } } };
  }

  /** What stays in memory: nothing personal while locked. */
  const at_hand = ({ kind, text }: Pick<Placed, "kind" | "text">): StateText | null =>
    drawer.is_personal(kind) && !keys.unlocked ? null : text;

  const closed_of = (scope: string) => model.ids_of_scope(scope, (kind) => !drawer.meta.common.includes(kind));

  const to_given = ({ granted, masked = [], common = [] }: GrantedScopes) => ({
    granted: [...granted],
    masked: [...masked],
    common: [...common],
  });

  const is_changed = (given: ReturnType<typeof to_given>) =>
    (["granted", "masked", "common"] as const).some((name) => given[name].join() !== drawer.meta[name].join());

  async function apply_page(answer: SyncAnswer, now_ms: number): Promise<void> {
    await drawer.serial(async () => {
      const records = answer.records.filter((wire) => (wire.seq ?? 0) >= model.base_seq(wire.id));
      const named = new Set(answer.records.map((wire) => wire.id));
      const gone = answer.gone.filter((id) => !named.has(id));
      await erase_own(drawer, records);
      const made = await Promise.all(records.map(to_row));
      const changes: PlannedBase[] = [...gone.map((id) => ({ id, base: null })), ...made.map((one) => one.change)];
      const rows = made.map((one) => one.row);
      for (const id of gone) rows.push(tombstone(id, model.kind_of(id) ?? "", answer.seq));
      const given = to_given(answer.scopes);
      const meta: ViewMeta = {
        ...drawer.meta,
        cursor: answer.cursor,
        seq: answer.seq,
        digests: model.plan_digests(changes),
        ...given,
        as_of_ms: answer.more ? drawer.meta.as_of_ms : now_ms,
      };
      await view.put_page(rows, meta);
      const regranted = is_changed(given);
      drawer.meta = meta;
      model.apply(changes, meta.digests);
      model.mark_gone(gone);
      if (regranted) drawer.refresh_overlay();
      if (rows.some((row) => row.erased)) await scrub_packs(drawer, make_pack);
      if (changes.length > 0) drawer.events.records(changes.map((one) => one.id));
    });
  }

  async function import_snapshot(scope: string, body: Blob, on_count: (count: number) => void): Promise<void> {
    const parts: Unpacked[] = [];
    let whole = EMPTY_DIGEST;
    const open = Object.keys(drawer.ports.kinds).filter((kind) => !drawer.is_personal(kind));
    for await (const part of drawer.ports.unpack(body, open)) {
      parts.push(part);
      whole = { count: whole.count + part.digest.count, xor: xor_hex(whole.xor, part.digest.xor) };
      on_count(whole.count);
    }
    await drawer.serial(async () => {
      const packs: PackRow[] = [];
      const winning: PlannedBase[] = [];
      const losing: Placed[] = [];
      await erase_own(
        drawer,
        parts.flatMap((part) => part.erased),
      );
      const force = drawer.meta.cursor === null;
      const wins = (one: Placed) => force || model.base_scope(one.id) === scope || model.base_seq(one.id) <= one.seq;
      const present = new Set<string>();
      for (const [part, one] of parts.entries()) {
        const { row, states } = await to_pack(scope, part, one);
        packs.push(row);
        for (const each of states) {
          present.add(each.id);
          if (!wins(each)) losing.push(each);
          else winning.push({ id: each.id, base: { ...each, scope, text: at_hand(each) } });
        }
        await give_way();
      }
      const removed = model.ids_of_scope(scope).filter((id) => !present.has(id));
      const complete = [...new Set([...drawer.meta.complete, scope])];
      const digests = model.plan_scope(scope, whole, winning, losing);
      const meta: ViewMeta = { ...drawer.meta, digests, complete };
      await view.put_snapshot(
        scope,
        packs,
        winning.map((one) => one.id),
        meta,
      );
      drawer.meta = meta;
      const changes: PlannedBase[] = [...removed.map((id) => ({ id, base: null })), ...winning];
      await in_slices(changes, (part) => model.apply(part));
      model.apply([], digests);
      drawer.events.records([]);
    });
  }

  /** Sealed as it goes to disk; in memory nothing is parsed. */
  async function to_pack(scope: string, part: number, one: Unpacked): Promise<{ row: PackRow; states: Placed[] }> {
    const { plain, plain_ids, personal, personal_ids: sealed_ids } = one;
    const sealed = personal === null ? null : await keys.seal(personal);
    const states = place_states(plain_ids, new PackText(plain));
    if (personal !== null) states.push(...place_states(sealed_ids, new PackText(personal)));
    return { row: { scope, part, plain, plain_ids, sealed, sealed_ids }, states };
  }

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
    note_granted: async (scopes) => {
      const given = to_given(scopes);
      if (!is_changed(given)) return;
      await put_meta(given);
      drawer.refresh_overlay();
      drawer.events.records([]);
    },
    set_cursor: (cursor) => put_meta({ cursor }),
    drop_cursor: () => put_meta({ cursor: null, complete: [] }),
    digests: () => model.digests,
    revoked_scopes: () => {
      const { granted, masked, complete } = drawer.meta;
      if (granted.length === 0) return [];
      const held = Object.entries(model.digests).filter(([, digest]) => digest.count > 0);
      const lost = [...complete, ...held.map(([scope]) => scope)].filter((scope) => !granted.includes(scope));
      return [...new Set([...lost, ...masked.filter((scope) => closed_of(scope).length > 0)])];
    },
    purge: async (scopes) => {
      let removed = 0;
      await drawer.serial(async () => {
        for (const scope of scopes) {
          const whole = !drawer.meta.masked.includes(scope);
          const ids = whole ? model.ids_of_scope(scope) : closed_of(scope);
          const changes = ids.map((id) => ({ id, base: null }));
          const digests = model.plan_digests(changes);
          if (whole) delete digests[scope];
          const complete = drawer.meta.complete.filter((one) => !whole || one !== scope);
          const meta = { ...drawer.meta, digests, complete };
          await (whole ? view.put_snapshot(scope, [], [], meta) : view.drop(scope, new Set(ids), meta));
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
  states: readonly Stated[],
): Promise<PackRow> {
  const plain = join_states(states.filter((one) => !drawer.is_personal(one.kind)));
  const personal = join_states(states.filter((one) => drawer.is_personal(one.kind)));
  const sealed = personal.ids.length === 0 ? null : await drawer.keys.seal(personal.text);
  return { scope, part, plain: plain.text, plain_ids: plain.ids, sealed, sealed_ids: personal.ids };
}

/** Turn changed rows into packs once there are enough of them. Gives how many rows went. */
export function compact_view(drawer: Drawer): Promise<number> {
  return drawer.serial(async () => {
    await scrub_packs(drawer, make_pack);
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
