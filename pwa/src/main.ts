/**
 * Start of the page: styles, engine, guard, router.
 * Owns the order of starting and which screens a session may see. Must not hold data or words.
 * Invariant: no field screen is reachable while the session is locked; enrolment is only offered to a new device.
 */
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/bars.css";
import "./styles/rows.css";
import "./styles/forms.css";
import "./styles/evidence.css";
import "./styles/screens.css";
import { createApp } from "vue";
import App from "./App.vue";
import { watch_updates } from "./components/app_update";
import { apply_view } from "./components/view_settings";
import type { Session } from "./engine";
import { first_line, read_first_screen, take_first_screen, write_first_screen } from "./first_screen";
import { load_words, t } from "./i18n";
import { go, recheck, route, start_router } from "./router";
import { centre_routes } from "./screens/centre/routes";
import { field_routes } from "./screens/field/routes";
import { provide_engine } from "./use";

const ENTRY = new Set(["/enrol", "/login", "/pin", "/unlock"]);

function allowed(session: Session, path: string): string | null {
  if (session.phase === "new") return path === "/login" ? null : "/enrol";
  if (session.phase === "enrolled") return "/login";
  if (session.phase === "locked") return path === "/login" ? null : "/unlock";
  const desk = session.device?.kind === "desk";
  if (!desk && session.user?.has_pin === false) return "/pin";
  const home = desk ? "/centre/overview" : "/today";
  if (path === "/pin") return null;
  if (path === "/login" && session.needs_login) return null;
  return ENTRY.has(path) || path === "/" ? home : null;
}

/** Before the engine's code is loaded and any database is open. */
function paint_first(): void {
  const line = document.querySelector(".boot");
  const first = read_first_screen(localStorage);
  if (line && first) line.textContent = first_line(first, t("app.opening"), (counts) => t("sync.waiting", counts));
}

async function start(): Promise<void> {
  apply_view();
  paint_first();
  const [{ open_engine }, { browser_ports }] = await Promise.all([
    import("./engine"),
    import("./device/browser_ports"),
    load_words(),
  ]);
  const engine = await open_engine(browser_ports());
  provide_engine(engine);
  // For operators and tests that must look at a replica; set by hand in this browser, off everywhere else.
  if (localStorage.getItem("xunan_debug") === "1") Object.assign(window, { xunan_debug: engine });
  start_router([...field_routes, ...centre_routes], (path) => allowed(engine.session, path));
  let last = engine.session.phase;
  engine.on("session", () => {
    if (engine.session.phase === last) {
      recheck();
      return;
    }
    last = engine.session.phase;
    if (last === "locked") go("/unlock", { replace: true });
    else recheck();
  });
  const note_first = () => write_first_screen(localStorage, take_first_screen(engine));
  for (const topic of ["session", "sync", "queue"] as const) engine.on(topic, note_first);
  createApp(App).mount("#app");
  if (route.record === null) recheck();
  // Without a worker the page still works online; a refusal (private window) is not an error to show.
  await watch_updates().catch(() => undefined);
}

void start().catch((error: unknown) => {
  const line = document.querySelector(".boot");
  if (line) {
    const why = error instanceof Error ? error.message : String(error);
    line.textContent = `没有打开:${why}。本机数据没有改动。请关闭其他巡安页面后重新打开。`;
  }
});
