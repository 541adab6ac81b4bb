/**
 * The roster in the order of doors, and how it is searched while somebody types: 20,000 people on a slow handheld.
 * Owns the text a person is found by and the order of the list. Pure; must not know the screen.
 * Invariant: a keystroke only looks for a text in a text; folding, readings and sorting were done before, once per record.
 */
import { initials_of } from "../../components/pinyin";
import type { Rec } from "../../engine";

export interface RosterLine {
  rec: Rec;
  /** Everything the person is found by, in small letters. */
  text: string;
}

const by_words = new Intl.Collator("zh-CN", { numeric: true });

/** Where each of these names stands among the others. */
function ranks(names: Iterable<string>): Map<string, number> {
  return new Map([...new Set(names)].sort(by_words.compare).map((name, i) => [name, i]));
}

export class Roster {
  #block_name: (code: unknown) => string;
  #texts = new WeakMap<Rec, string>();

  constructor(block_name: (code: unknown) => string) {
    this.#block_name = block_name;
  }

  /** By block, building and reading. */
  lines(people: readonly Rec[]): RosterLine[] {
    const doors = people.map((rec) => ({
      rec,
      block: this.#block_name(rec.v.block),
      building: String(rec.v.building ?? ""),
      reading: String(rec.v.pinyin ?? "") || initials_of(String(rec.v.name ?? "")),
    }));
    const block_rank = ranks(doors.map((one) => one.block));
    const building_rank = ranks(doors.map((one) => one.building));
    return doors
      .map((one) => ({
        ...one,
        order: block_rank.get(one.block)! * building_rank.size + building_rank.get(one.building)!,
      }))
      .sort((a, b) => a.order - b.order || (a.reading < b.reading ? -1 : a.reading > b.reading ? 1 : 0))
      .map(({ rec, block }) => ({ rec, text: this.#text(rec, block) }));
  }

  #text(rec: Rec, block: string): string {
    const known = this.#texts.get(rec);
    if (known !== undefined) return known;
    const { name, pinyin, building, tag_code } = rec.v;
    const parts = [name, pinyin, initials_of(String(name ?? "")), building, tag_code, block];
    const text = parts.map((part) => String(part ?? "").toLowerCase()).join("\n");
    this.#texts.set(rec, text);
    return text;
  }
}

export function search_roster(lines: readonly RosterLine[], asked: string): RosterLine[] {
  const words = asked.trim().toLowerCase();
  return words === "" ? [...lines] : lines.filter((line) => line.text.includes(words));
}
