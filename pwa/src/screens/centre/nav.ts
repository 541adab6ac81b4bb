/**
 * Where we are in the centre: page, and what the address says about lists, filters and the open record.
 * Owns: building and patching centre addresses, so that every view can be linked, reloaded and gone back to.
 */
import { go, route } from "../../router";
import { PAGES, type Page } from "./routes";

export { PAGES, type Page };

export type Query = Record<string, string>;

/** Page that lists a kind, for links from a record to where it belongs. */
export const PAGE_OF: Readonly<Record<string, Page>> = {
  hazard: "hazards",
  inspection: "hazards",
  patrol: "patrols",
  patrol_plan: "patrols",
  stock_item: "stock",
  stock_lot: "stock",
  stock_movement: "stock",
  stock_count: "stock",
  catalogue_item: "stock",
  person: "people",
  transfer: "people",
  shelter: "people",
  event: "people",
  grid_cell: "grid",
  station: "grid",
  setting: "settings",
  template: "settings",
};

export function current_page(): Page {
  const name = route.path.split("/")[2] ?? "overview";
  return (PAGES as readonly string[]).includes(name) ? (name as Page) : "overview";
}

export function address(page: Page, query: Query = {}): string {
  const text = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "")).toString();
  return `/centre/${page}${text ? `?${text}` : ""}`;
}

export function open_page(page: Page, query: Query = {}): void {
  go(address(page, query));
}

/** Change parts of the address and keep the rest; an empty value removes a part. */
export function patch(changes: Query, how: { replace?: boolean } = {}): void {
  go(address(current_page(), { ...route.query, ...changes }), how);
}

export function open_record(id: string): void {
  patch({ rec: id });
}

export function close_record(): void {
  patch({ rec: "" });
}
