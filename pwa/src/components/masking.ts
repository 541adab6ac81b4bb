/**
 * Masks of personal values on the handheld: the same rule in lists, titles, conflicts and history (M-50).
 * Owns the rule per field name. Must not decide who may see more; unmasking is a record of its own.
 * Source: vocabulary.md 1.6: name 张**, phone 3+4, ID 1+2, address up to the committee. Mirrors server/centre/masking.py;
 * tests/masked_values.json holds both to it.
 */
const COMPOUND: ReadonlySet<string> = new Set(
  "欧阳 太史 端木 上官 司马 东方 独孤 南宫 万俟 闻人 夏侯 诸葛 尉迟 公羊 赫连 澹台 皇甫 宗政 濮阳 公冶 太叔 申屠 公孙 慕容 仲孙 钟离 长孙 宇文 司徒 鲜于 司空 闾丘 子车 亓官 司寇 巫马 公西 颛孙 壤驷 公良 漆雕 乐正 宰父 谷梁 拓跋 夹谷 轩辕 令狐 段干 百里 呼延 东郭 南门 羊舌 微生 梁丘 左丘 东门 西门 第五 纳兰".split(
    " ",
  ),
);
const COMMITTEE = /^.*?(?:居民委员会|村民委员会|居委会|村委会|居民区|居委|社区|[^\s农]村)/u;
const TOWN = /^.*?(?:街道|镇|乡)/u;

/** Two stars always: the length of a given name is a clue as well. */
export function mask_name(name: string): string {
  const text = name.trim();
  const letters = [...text];
  if (letters.length === 0) return "";
  const two = letters.slice(0, 2).join("");
  return `${letters.length >= 3 && COMPOUND.has(two) ? two : letters[0]}**`;
}

/** Keeps so many characters at both ends of a value long enough to hide something between them. */
function mask_middle(value: string, head: number, tail: number): string {
  const letters = [...value.trim()];
  const hidden = letters.length - head - tail;
  if (hidden < 3) return "*".repeat(letters.length);
  return letters.slice(0, head).join("") + "*".repeat(hidden) + letters.slice(-tail).join("");
}

function mask_address(address: string): string {
  const text = address.trim();
  const kept = (COMMITTEE.exec(text) ?? TOWN.exec(text))?.[0] ?? "";
  return kept === text ? kept : `${kept}***`;
}

export function mask_field(field: string, value: string): string {
  if (value === "") return "";
  if (field === "name" || /(_name|contact)$/.test(field)) return mask_name(value);
  if (field.endsWith("phone") || field === "tel") return mask_middle(value, 3, 4);
  if (field === "id_no" || field === "id_card") return mask_middle(value, 1, 2);
  if (field.endsWith("address")) return mask_address(value);
  return "***";
}
