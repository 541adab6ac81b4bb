/** Reading a template's `sections` json. Owns the shape on the handheld; an unreadable section is left out, never guessed. */
export interface Item {
  id: string;
  title: string;
  method?: string;
  rectify?: string;
  difficulty?: string;
  severity?: string;
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
