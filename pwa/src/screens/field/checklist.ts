/** Reading a template's `sections` json. Owns the shape on the handheld; an unreadable section is left out, never guessed. */
export interface Item {
  id: string;
  title: string;
  method?: string;
  rectify?: string;
  difficulty?: string;
  severity?: string;
  /** Of the hazard that is made when it fails. */
  hazard_type?: string;
}
export interface Section {
  id: string;
  title: string;
  items: Item[];
}

export function sections_of(value: unknown): Section[] {
  if (!Array.isArray(value)) return [];
  return (value as Partial<Section>[])
    .filter((section) => Array.isArray(section.items))
    .map((section, i) => ({
      id: String(section.id ?? i),
      title: String(section.title ?? ""),
      items: (section.items ?? []).map((item) => ({ ...item, id: String(item.id) })),
    }));
}

/**
 * The checklist as its answers know it: an answered item keeps the wording it was asked with, also when the template was
 * rewritten or the item taken out since. `former` names the section of items that are gone.
 */
export function pinned(
  sections: readonly Section[],
  values: Readonly<Record<string, unknown>>,
  former: string,
): Section[] {
  const asked = new Map<string, string>();
  for (const [name, value] of Object.entries(values)) {
    const words = (value as { t?: unknown } | null)?.t;
    if (name.startsWith("ans.") && typeof words === "string") asked.set(name.slice("ans.".length), words);
  }
  const kept = sections.map((section) => ({
    ...section,
    items: section.items.map((item) => ({ ...item, title: asked.get(item.id) ?? item.title })),
  }));
  for (const section of kept) for (const item of section.items) asked.delete(item.id);
  const gone = [...asked].map(([id, title]) => ({ id, title }));
  return gone.length === 0 ? kept : [...kept, { id: "former", title: former, items: gone }];
}
