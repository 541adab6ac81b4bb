/**
 * What each list shows: tabs of a page, default columns, quick words and choice filters per kind.
 * Owns the centre's table layout. Labels and choices come from the declarations, never from here.
 */
import { KINDS } from "../../generated/kinds";
import type { Page } from "./nav";

export interface Layout {
  /** Columns shown before anyone chooses others. `station`, `updated_at`, `on_hand` and `next_expiry` are the list's own. */
  columns: readonly string[];
  /** Quick words the server knows (server/centre/conditions.py). */
  words?: readonly string[];
  /** Choice fields offered as filters. */
  filters?: readonly string[];
  sort?: string;
}

export const PAGE_KINDS: Readonly<Partial<Record<Page, readonly string[]>>> = {
  hazards: ["hazard", "inspection"],
  patrols: ["patrol", "patrol_plan"],
  stock: ["stock_item", "stock_lot", "stock_movement", "stock_count", "catalogue_item"],
  people: ["transfer", "person", "shelter", "event"],
  grid: ["grid_cell", "station"],
};

export const LAYOUT: Readonly<Record<string, Layout>> = {
  hazard: {
    columns: [
      "code",
      "title",
      "station",
      "place",
      "hazard_type",
      "severity",
      "status",
      "due",
      "owner_unit",
      "updated_at",
    ],
    words: ["open", "overdue", "major", "closed", "disputed"],
    filters: ["status", "severity", "hazard_type"],
  },
  inspection: {
    columns: ["code", "template", "station", "place", "status", "started_at", "done_at"],
    words: ["disputed"],
    filters: ["status"],
  },
  patrol: {
    columns: [
      "code",
      "station",
      "plan",
      "plan_kind",
      "patroller",
      "status",
      "started_at",
      "ended_at",
      "checkins",
      "gaps",
    ],
    words: ["today", "disputed"],
    filters: ["status", "plan_kind"],
    sort: "-started_at",
  },
  patrol_plan: {
    columns: ["code", "name", "plan_kind", "frequency", "blocks", "points", "valid_from", "valid_to", "status"],
    filters: ["status", "plan_kind"],
  },
  stock_item: {
    columns: ["name", "station", "store", "level", "on_hand", "min_level", "unit", "next_expiry", "keeper"],
    words: ["below", "disputed"],
    filters: ["level"],
    sort: "name",
  },
  stock_lot: {
    columns: ["item", "lot_no", "station", "on_hand", "expiry", "condition", "location"],
    words: ["expiring", "expired", "disputed"],
    filters: ["condition"],
    sort: "expiry",
  },
  stock_movement: {
    columns: ["code", "at", "station", "movement_type", "item", "lot", "qty", "reason", "counterpart"],
    filters: ["movement_type"],
    sort: "-at",
  },
  stock_count: {
    columns: ["code", "station", "store", "status", "counted_at", "lines", "review_note"],
    filters: ["status"],
  },
  catalogue_item: {
    columns: ["code", "name", "supply_class", "unit", "par_level", "shelf_life_days", "barcode"],
    filters: ["supply_class"],
    sort: "code",
  },
  transfer: {
    columns: ["person", "station", "status", "mode", "shelter", "arrived_at", "event", "updated_at"],
    words: ["disputed"],
    filters: ["status", "mode"],
  },
  person: {
    columns: [
      "name",
      "station",
      "address",
      "categories",
      "evac_kind",
      "shelter",
      "responsible_a",
      "phone",
      "review_status",
      "last_confirmed",
    ],
    words: ["incomplete", "disputed"],
    filters: ["evac_kind", "categories", "review_status"],
  },
  shelter: {
    columns: [
      "code",
      "name",
      "shelter_kind",
      "address",
      "effective_area_m2",
      "capacity",
      "contact",
      "accessible",
      "status",
    ],
    filters: ["status", "shelter_kind"],
    sort: "code",
  },
  event: {
    columns: ["code", "name", "domain", "level", "status", "exercise", "started_at", "ended_at"],
    filters: ["status"],
  },
  grid_cell: {
    columns: [
      "code",
      "name",
      "level",
      "parent",
      "station_code",
      "block_type",
      "responsible_unit",
      "contact",
      "last_confirmed",
      "status",
    ],
    filters: ["level", "block_type", "status"],
    sort: "code",
  },
  station: {
    columns: ["code", "name", "committee_type", "phone", "address", "households", "population", "status"],
    filters: ["committee_type", "status"],
    sort: "code",
  },
  setting: { columns: ["label", "value", "source"], sort: "key" },
  template: { columns: ["code", "name", "version", "purpose", "status", "updated_at"], filters: ["status"] },
};

const OWN_COLUMNS = ["station", "updated_at"];
const NOT_IN_TABLES = new Set(["geometry", "track", "sections", "pinyin"]);

export const layout_of = (kind: string): Layout => LAYOUT[kind] ?? { columns: ["code", "name", "updated_at"] };

/** Every column a person may switch on for a kind, in declared order. */
export function all_columns(kind: string): string[] {
  const fields = Object.keys(KINDS[kind]?.fields ?? {}).filter((name) => !NOT_IN_TABLES.has(name));
  const extra = kind === "stock_item" ? ["on_hand", "next_expiry"] : [];
  return [...OWN_COLUMNS, ...extra, ...fields];
}

const STORE = "xunan.centre.columns";

function stored(): Record<string, string[]> {
  try {
    return JSON.parse(localStorage.getItem(STORE) ?? "{}") as Record<string, string[]>;
  } catch {
    return {};
  }
}

/** Columns as this person last chose them, in table order. */
export function chosen_columns(kind: string): string[] {
  const own = stored()[kind];
  const known = new Set(all_columns(kind));
  const columns = (own ?? layout_of(kind).columns).filter((name) => known.has(name));
  return columns.length > 0 ? [...columns] : [...layout_of(kind).columns];
}

export function keep_columns(kind: string, columns: readonly string[]): void {
  localStorage.setItem(STORE, JSON.stringify({ ...stored(), [kind]: columns }));
}

export interface SavedView {
  name: string;
  query: Record<string, string>;
}

const VIEWS = "xunan.centre.views";

export function saved_views(page: string): SavedView[] {
  try {
    return (JSON.parse(localStorage.getItem(VIEWS) ?? "{}") as Record<string, SavedView[]>)[page] ?? [];
  } catch {
    return [];
  }
}

export function keep_views(page: string, views: readonly SavedView[]): void {
  let all: Record<string, readonly SavedView[]> = {};
  try {
    all = JSON.parse(localStorage.getItem(VIEWS) ?? "{}") as Record<string, SavedView[]>;
  } catch {
    all = {};
  }
  localStorage.setItem(VIEWS, JSON.stringify({ ...all, [page]: views }));
}
