/** Addresses of the handheld screens. Owns the table only; every screen is loaded when first opened, but the one that stands first. */
import type { RouteRecord } from "../../router";
import UnlockScreen from "./UnlockScreen.vue";

/** What follows the PIN: fetched while it is being typed. */
export const load_home = () => import("./TodayScreen.vue");
/** What a new device begins with: fetched together with the engine. */
export const load_entry = () => import("./EnrolScreen.vue");

export const field_routes: RouteRecord[] = [
  { path: "/enrol", load: load_entry },
  { path: "/login", load: () => import("./LoginScreen.vue") },
  { path: "/setup", load: () => import("./SetupScreen.vue") },
  { path: "/pin", load: () => import("./SetPinScreen.vue") },
  { path: "/unlock", load: async () => ({ default: UnlockScreen }) },
  { path: "/today", tab: "today", load: load_home },
  { path: "/patrol", tab: "patrol", load: () => import("./PatrolListScreen.vue") },
  { path: "/patrol/:id", tab: "patrol", load: () => import("./PatrolScreen.vue") },
  { path: "/hazards", tab: "hazards", load: () => import("./HazardListScreen.vue") },
  { path: "/hazard/:id", tab: "hazards", load: () => import("./HazardScreen.vue") },
  { path: "/hazard-new", tab: "hazards", load: () => import("./HazardNewScreen.vue") },
  { path: "/inspection/:id", tab: "patrol", load: () => import("./InspectionScreen.vue") },
  { path: "/stock", tab: "stock", load: () => import("./StockListScreen.vue") },
  { path: "/stock/:id", tab: "stock", load: () => import("./StockItemScreen.vue") },
  { path: "/people", tab: "people", load: () => import("./PeopleListScreen.vue") },
  { path: "/person/:id", tab: "people", load: () => import("./PersonScreen.vue") },
  { path: "/map", tab: "today", load: () => import("./MapScreen.vue") },
  { path: "/queue", load: () => import("./QueueScreen.vue") },
  { path: "/conflicts", tab: "today", load: () => import("./ConflictListScreen.vue") },
  { path: "/conflict/:rec/:field", tab: "today", load: () => import("./ConflictScreen.vue") },
  { path: "/settings", load: () => import("./SettingsScreen.vue") },
];
