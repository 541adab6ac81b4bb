/**
 * Many states as one text, so that opening 20,000 records costs neither 20,000 rows nor 20,000 parses.
 * Owns the layout: a JSON array text, and beside it where each state lies. Must not parse a state or know a key.
 * Invariant: the text of a state is cut out, and a pack decoded, only when somebody looks at that record.
 */

import type { WireState } from "../core/op";

/** `odd`: may_differ. `length` in UTF-16 units of the state's text; the texts follow each other with one comma in between, from 1 on. */
export type Indexed = [id: string, seq: number, kind: string, length: number, odd: 0 | 1];

/** One record on its way into a pack. */
export interface Stated {
  id: string;
  seq: number;
  kind: string;
  text: string;
  odd: boolean;
}

/** Whether people may have to decide something in this record: only then is it worth a look before it is shown. */
export const may_differ = (wire: WireState): boolean =>
  wire.life !== undefined ||
  Object.values(wire.reg ?? {}).some((heads) => heads.length > 2) ||
  Object.values(wire.ctr ?? {}).some((counter) => (counter.c?.length ?? 0) > 2);

export const state_of = (wire: WireState): Stated => {
  return { id: wire.id, seq: wire.seq ?? 0, kind: wire.kind, text: JSON.stringify(wire), odd: may_differ(wire) };
};

/** The text of one state: by itself, or where it lies. */
export type StateText = string | { pack: PackText; from: number; to: number };

export const text_of = (text: StateText): string =>
  typeof text === "string" ? text : text.pack.slice(text.from, text.to);

const decoder = new TextDecoder();

export class PackText {
  #bytes: Uint8Array<ArrayBuffer> | null;
  #text: string | null;

  constructor(content: Uint8Array<ArrayBuffer> | string) {
    this.#bytes = typeof content === "string" ? null : content;
    this.#text = typeof content === "string" ? content : null;
  }

  slice(from: number, to: number): string {
    if (this.#text === null) {
      this.#text = decoder.decode(this.#bytes!);
      this.#bytes = null;
    }
    return this.#text.slice(from, to);
  }
}

export function join_states(states: readonly Stated[]): { text: string; ids: Indexed[] } {
  return {
    text: `[${states.map((one) => one.text).join(",")}]`,
    ids: states.map(({ id, seq, kind, text, odd }) => [id, seq, kind, text.length, odd ? 1 : 0]),
  };
}

export interface Placed {
  id: string;
  seq: number;
  kind: string;
  text: StateText;
  odd: boolean;
}

export function place_states(ids: readonly Indexed[], pack: PackText): Placed[] {
  let at = 1;
  return ids.map(([id, seq, kind, length, odd]) => {
    const from = at;
    at += length + 1;
    return { id, seq, kind, text: { pack, from, to: from + length }, odd: odd === 1 };
  });
}
