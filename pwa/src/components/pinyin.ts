/**
 * Initials of a Chinese name, so that two keys find a person: 欧阳 → oy. Works on the device, offline, without a table of readings.
 * Owns the first characters of each letter in the order of the platform's Chinese collation, and surnames read otherwise.
 * Must not be relied on to name anybody: where the platform cannot sort by pinyin, the initials are just not found.
 */

/** The first character of every letter that begins a syllable, in pinyin order. */
const FIRST = "阿八嚓哒妸发旮哈丌咔垃妈拏噢妑七呥仨它穵夕丫帀";
const LETTERS = "abcdefghjklmnopqrstwxyz";
/** Characters read otherwise when they begin a name. */
const SURNAMES: Readonly<Record<string, string>> = {
  曾: "z",
  单: "s",
  仇: "q",
  解: "x",
  查: "z",
  朴: "p",
  区: "o",
  盖: "g",
  俞: "y",
  秘: "b",
  重: "c",
  覃: "q",
  缪: "m",
  得: "d",
};
const HAN = /\p{Script=Han}/u;
const by_pinyin = new Intl.Collator("zh-Hans-CN-u-co-pinyin");
const can_sort = by_pinyin.compare("阿", "帀") < 0 && by_pinyin.compare("张", "李") > 0;
const known = new Map<string, string>();

function initial(char: string): string {
  const found = known.get(char);
  if (found !== undefined) return found;
  let low = 0;
  let high = FIRST.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (by_pinyin.compare(char, FIRST[middle]!) < 0) high = middle - 1;
    else low = middle;
  }
  const letter = LETTERS[low]!;
  known.set(char, letter);
  return letter;
}

/** Letters and digits stay as they are; "" where nothing can be said. */
export function initials_of(name: string): string {
  let text = "";
  for (const char of name.trim()) {
    if (!HAN.test(char)) text += /[a-z0-9]/i.test(char) ? char.toLowerCase() : "";
    else if (text === "" && char in SURNAMES) text += SURNAMES[char]!;
    else if (can_sort) text += initial(char);
  }
  return text;
}
