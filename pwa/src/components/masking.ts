/**
 * Masks of personal values on the handheld: the same rule in lists, titles, conflicts and history (M-50).
 * Owns the rule per field name. Must not decide who may see more; unmasking is a record of its own.
 * Source: vocabulary.md 1.6: name 张*, phone 3+4, ID 1+2, address up to the committee.
 */
const COMPOUND = ["欧阳", "上官", "司马", "诸葛", "东方", "皇甫", "尉迟", "公孙", "令狐", "慕容"];

export function mask_name(name: string): string {
  const given = [...name];
  if (given.length === 0) return "";
  const family = COMPOUND.find((prefix) => name.startsWith(prefix) && given.length > prefix.length) ?? given[0] ?? "";
  return family + "*".repeat(Math.min(2, Math.max(1, given.length - [...family].length)));
}

const mask_phone = (phone: string): string =>
  phone.length >= 8 ? `${phone.slice(0, 3)}${"*".repeat(Math.max(1, phone.length - 7))}${phone.slice(-4)}` : "****";

const mask_id = (id: string): string =>
  id.length > 3 ? `${id.slice(0, 1)}${"*".repeat(id.length - 3)}${id.slice(-2)}` : "***";

function mask_address(address: string): string {
  const cut = /^.*?(居委会|村委会|社区|居民区|村|镇|小区|新村|苑|里)/u.exec(address)?.[0];
  return cut && cut.length < address.length ? `${cut}***` : `${[...address].slice(0, 3).join("")}***`;
}

export function mask_field(field: string, value: string): string {
  if (value === "") return "";
  if (field === "name" || field === "emergency_contact") return mask_name(value);
  if (field.endsWith("phone")) return mask_phone(value);
  if (field === "id_no") return mask_id(value);
  if (field === "address") return mask_address(value);
  return "***";
}
