/**
 * Records in memory: pulled state ⊕ own ops the state does not cover yet (contract §3, overlay rule).
 * Owns: the maps by id, kind and owner, lazy folding, digests per scope. Must not: write anything or know the network.
 * Invariants: overlay uses own ops with n > vv[dev] of that record, so it is exact however pages arrive; a sealed record
 * stays as a stub (id, seq, kind) and is never shown; the outbox is never derived from pulled state.
 */
import type { Kinds } from "../core/fields";
import { fold_op } from "../core/fold";
import { is_visible } from "../core/merge_kinds";
import type { Op } from "../core/op";
import { type FoldRecord, from_wire, known_n, new_record } from "../core/record";
import { digest64, xor_hex } from "../core/stamp";
import type { Rec } from "../engine_types";
import { EMPTY_DIGEST, type ScopeDigest } from "./digest";
import { type StateText, text_of } from "./pack";
import { show } from "./show";

interface Base {
  kind: string;
  scope: string;
  seq: number;
  /** The wire state as text, parsed when somebody looks; null while sealed. */
  text: StateText | null;
  /** Something in it may be in dispute (pack.ts). */
  odd: boolean;
}

interface Entry {
  id: string;
  kind: string;
  base: Base | null;
  /** Undefined: not folded yet. Null: not visible. */
  rec: Rec | null | undefined;
  record: FoldRecord | undefined;
}

export interface PlannedBase {
  id: string;
  base: Base | null;
}

/** Corrected time of an own op before any server has stamped it. */
export const local_at_c = (op: Op): number => op.at_ms - op.skew * 1000;

export class Model {
  #kinds: Kinds;
  #entries = new Map<string, Entry>();
  #by_kind = new Map<string, Set<string>>();
  #own = new Map<string, Op[]>();
  #lists = new Map<string, Rec[]>();
  #attachments: Map<string, string[]> | null = null;
  #gone = new Set<string>();
  /** False while loading: nothing has been shown yet, so owners of attachments need no refresh. */
  live = false;
  #decorate: (rec: Rec) => void;
  digests: Record<string, ScopeDigest> = {};

  constructor(kinds: Kinds, decorate: (rec: Rec) => void = () => undefined) {
    this.#kinds = kinds;
    this.#decorate = decorate;
  }

  clear(): void {
    this.#entries.clear();
    this.#by_kind.clear();
    this.#own.clear();
    this.#lists.clear();
    this.#gone.clear();
    this.#attachments = null;
    this.live = false;
    this.digests = {};
  }

  /** Records that left our scopes: own ops alone do not make them visible again. */
  mark_gone(ids: readonly string[]): void {
    for (const id of ids) {
      this.#gone.add(id);
      const entry = this.#entries.get(id);
      if (entry !== undefined) this.#touch(entry);
    }
  }

  /** Show again with fresh delivery marks. */
  touch(ids: readonly string[]): void {
    for (const id of ids) {
      const entry = this.#entries.get(id);
      if (entry !== undefined) this.#touch(entry);
    }
    this.#refresh_owners(ids);
  }

  /** Owner of an attachment, undefined for other kinds. */
  owner_of(id: string): string | undefined {
    if (this.#entries.get(id)?.kind !== "attachment") return undefined;
    const owner = this.rec(id)?.v.owner as unknown;
    return typeof owner === "string" ? owner : undefined;
  }

  /** A record shows the state of its photos: a changed attachment changes its owner's marks. */
  #refresh_owners(ids: readonly string[]): void {
    if (!this.live) return;
    for (const id of ids) {
      const owner = this.owner_of(id);
      const entry = owner === undefined ? undefined : this.#entries.get(owner);
      if (entry !== undefined) this.#touch(entry);
    }
  }

  /** Digests as they will be after these changes; commit them with the page, then call `apply`. */
  plan_digests(changes: readonly PlannedBase[]): Record<string, ScopeDigest> {
    const next = { ...this.digests };
    const flip = (scope: string, id: string, seq: number, by: number) => {
      const before = next[scope] ?? EMPTY_DIGEST;
      next[scope] = { count: before.count + by, xor: xor_hex(before.xor, digest64(id, seq)) };
    };
    const latest = new Map(changes.map((change) => [change.id, change.base]));
    for (const [id, base] of latest) {
      const old = this.#entries.get(id)?.base;
      if (old) flip(old.scope, id, old.seq, -1);
      if (base) flip(base.scope, id, base.seq, 1);
    }
    return next;
  }

  /** The same when a whole scope is replaced: `whole` counts all that came, `losing` are those a newer state of another scope beats. */
  plan_scope(
    scope: string,
    whole: ScopeDigest,
    winning: readonly PlannedBase[],
    losing: readonly { id: string; seq: number }[],
  ): Record<string, ScopeDigest> {
    const next = { ...this.digests, [scope]: whole };
    const take = (from: string, id: string, seq: number) => {
      const before = next[from] ?? EMPTY_DIGEST;
      next[from] = { count: before.count - 1, xor: xor_hex(before.xor, digest64(id, seq)) };
    };
    for (const { id, seq } of losing) take(scope, id, seq);
    for (const { id } of winning) {
      const old = this.#entries.get(id)?.base;
      if (old && old.scope !== scope) take(old.scope, id, old.seq);
    }
    return next;
  }

  /** Replace bases after their commit. Gives the ids touched. */
  apply(changes: readonly PlannedBase[], digests?: Record<string, ScopeDigest>): string[] {
    for (const { id, base } of changes) {
      const entry = this.#entry(id, base?.kind ?? "");
      entry.base = base;
      if (base !== null) {
        this.#set_kind(entry, base.kind);
        this.#gone.delete(id);
      }
      this.#touch(entry);
      if (base === null && !this.#own.has(id)) this.#drop(entry);
    }
    if (digests !== undefined) this.digests = digests;
    this.#refresh_owners(changes.map((change) => change.id));
    return changes.map((change) => change.id);
  }

  base_seq(id: string): number {
    return this.#entries.get(id)?.base?.seq ?? -1;
  }

  base_scope(id: string): string | undefined {
    return this.#entries.get(id)?.base?.scope;
  }

  /** Ids of what is held of a scope, sealed or not; of some kinds only when told. */
  ids_of_scope(scope: string, wanted: (kind: string) => boolean = () => true): string[] {
    const ids: string[] = [];
    for (const { id, base } of this.#entries.values()) {
      if (base !== null && base.scope === scope && wanted(base.kind)) ids.push(id);
    }
    return ids;
  }

  /** Own ops, in the order they were made. */
  add_own(ops: readonly Op[]): void {
    for (const op of ops) {
      const list = this.#own.get(op.rec);
      if (list === undefined) this.#own.set(op.rec, [op]);
      else list.push(op);
      const entry = this.#entry(op.rec, op.kind);
      if (entry.kind === "") this.#set_kind(entry, op.kind);
      this.#touch(entry);
    }
    this.#refresh_owners(ops.map((op) => op.rec));
  }

  /** Start the overlay anew, after renumbering or unlocking. */
  replace_own(ops: readonly Op[]): void {
    const before = [...this.#own.keys()];
    this.#own.clear();
    for (const id of before) {
      const entry = this.#entries.get(id);
      if (entry !== undefined) this.#touch(entry);
    }
    this.add_own(ops);
  }

  /** Stubs become readable. What is newer than the text stays as it is. */
  open(states: readonly { id: string; seq: number; text: StateText }[]): void {
    for (const { id, seq, text } of states) {
      const entry = this.#entries.get(id);
      if (entry?.base?.text !== null || entry.base.seq !== seq) continue;
      entry.base.text = text;
      this.#touch(entry);
    }
  }

  /** Forget everything personal: stubs keep digests and purge counts exact. */
  forget_kinds(is_personal: (kind: string) => boolean): void {
    for (const entry of this.#entries.values()) {
      if (!is_personal(entry.kind)) continue;
      if (entry.base !== null) entry.base = { ...entry.base, text: null };
      this.#own.delete(entry.id);
      this.#touch(entry);
    }
  }

  /** Ids whose state is on disk but not readable yet. */
  sealed_ids(): string[] {
    const ids: string[] = [];
    for (const entry of this.#entries.values()) if (entry.base !== null && entry.base.text === null) ids.push(entry.id);
    return ids;
  }

  folded(id: string): FoldRecord | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    if (entry.record !== undefined) return entry.record;
    const record = this.fold_afresh(id);
    entry.record = record;
    return record;
  }

  /** A copy the caller may change. */
  fold_afresh(id: string): FoldRecord | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    const text = entry.base?.text ?? null;
    if (text === null && (entry.base !== null || this.#gone.has(id))) return undefined;
    const own = this.#own.get(id) ?? [];
    if (text === null && own.length === 0) return undefined;
    const record = text === null ? new_record(id, entry.kind) : from_wire(JSON.parse(text_of(text)));
    const covered = new Map<string, number>();
    for (const op of own) {
      const known = covered.get(op.dev) ?? known_n(record, op.dev);
      covered.set(op.dev, known);
      if (op.n > known) fold_op(record, op, local_at_c(op));
    }
    return record;
  }

  rec(id: string): Rec | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    if (entry.rec === undefined) {
      const record = this.folded(id);
      entry.rec = record === undefined || !is_visible(record) ? null : show(record, this.#kinds[record.kind]);
      if (entry.rec !== null) this.#decorate(entry.rec);
    }
    return entry.rec ?? undefined;
  }

  records(kind: string): Rec[] {
    const known = this.#lists.get(kind);
    if (known !== undefined) return known;
    const list: Rec[] = [];
    for (const id of this.#by_kind.get(kind) ?? []) {
      const rec = this.rec(id);
      if (rec !== undefined) list.push(rec);
    }
    this.#lists.set(kind, list);
    return list;
  }

  ids(kind: string): string[] {
    return [...(this.#by_kind.get(kind) ?? [])];
  }

  /** Records in which something may be in dispute: all others need not be folded to know. */
  suspects(): string[] {
    const ids = new Set(this.#own.keys());
    for (const entry of this.#entries.values()) if (entry.base?.odd === true) ids.add(entry.id);
    return [...ids];
  }

  kinds_present(): string[] {
    return [...this.#by_kind.keys()];
  }

  /** The kind of a record and of the record it belongs to. */
  kinds_of(id: string): (string | undefined)[] {
    return [this.kind_of(id), this.kind_of(this.owner_of(id) ?? "")];
  }

  kind_of(id: string): string | undefined {
    return this.#entries.get(id)?.kind;
  }

  attachments_of(owner: string): string[] {
    if (this.#attachments === null) {
      this.#attachments = new Map();
      for (const rec of this.records("attachment")) {
        const key = rec.v.owner as string | undefined;
        if (typeof key !== "string") continue;
        const list = this.#attachments.get(key);
        if (list === undefined) this.#attachments.set(key, [rec.id]);
        else list.push(rec.id);
      }
    }
    return this.#attachments.get(owner) ?? [];
  }

  #entry(id: string, kind: string): Entry {
    let entry = this.#entries.get(id);
    if (entry === undefined) {
      entry = { id, kind: "", base: null, rec: undefined, record: undefined };
      this.#entries.set(id, entry);
      if (kind !== "") this.#set_kind(entry, kind);
    }
    return entry;
  }

  #set_kind(entry: Entry, kind: string): void {
    if (entry.kind === kind) return;
    this.#by_kind.get(entry.kind)?.delete(entry.id);
    this.#lists.delete(entry.kind);
    entry.kind = kind;
    const ids = this.#by_kind.get(kind);
    if (ids === undefined) this.#by_kind.set(kind, new Set([entry.id]));
    else ids.add(entry.id);
  }

  #touch(entry: Entry): void {
    entry.rec = undefined;
    entry.record = undefined;
    this.#lists.delete(entry.kind);
    if (entry.kind === "attachment") this.#attachments = null;
  }

  #drop(entry: Entry): void {
    this.#by_kind.get(entry.kind)?.delete(entry.id);
    this.#entries.delete(entry.id);
  }
}
