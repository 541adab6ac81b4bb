/**
 * Addresses of the centre. In the first bundle, so it must stay this small: the frame itself is loaded when first opened.
 */
import type { RouteRecord } from "../../router";

export const PAGES = [
  "overview",
  "map",
  "hazards",
  "patrols",
  "stock",
  "people",
  "conflicts",
  "documents",
  "grid",
  "devices",
  "settings",
  "users",
  "audit",
  "erasures",
] as const;
export type Page = (typeof PAGES)[number];

export const centre_routes: RouteRecord[] = PAGES.map((page) => ({
  path: `/centre/${page}`,
  load: () => import("./CentreFrame.vue"),
  frame: "centre",
}));
