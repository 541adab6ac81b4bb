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
import { watch_touch } from "./components/cover";
import { say } from "./components/toast";
import { apply_view } from "./components/view_settings";
import type { Session } from "./engine";
import { first_line, read_first_screen, take_first_screen, write_first_screen } from "./first_screen";
import { held_words, load_words, t } from "./i18n";
import { go, recheck, route, start_router } from "./router";
import { centre_routes } from "./screens/centre/routes";
import { field_routes, load_entry, load_home } from "./screens/field/routes";
import { provide_engine, provide_session } from "./use";

const routes = [...field_routes, ...centre_routes];
const ENTRY = new Set(["/enrol", "/login", "/setup", "/pin", "/unlock"]);

/** A desk has no PIN: six digits would be a weaker way in than its password and code. */
const locked_at = (session: Session): string => (session.device?.kind === "desk" ? "/login" : "/unlock");

function allowed(session: Session, path: string): string | null {
  if (session.phase === "new") return path === "/login" ? null : "/enrol";
  const desk = session.device?.kind === "desk";
  // Who came through the desk's door with a handheld goes back the same way.
  if (desk && session.phase !== "open" && path === "/enrol") return null;
  if (session.phase === "enrolled") return "/login";
  if (session.phase === "locked") return path === "/login" ? null : locked_at(session);
  // Whoever can already unlock by PIN has work to do out there; his password can wait for the next network.
  if (session.todo.length > 0 && (desk || session.user?.has_pin === false)) return "/setup";
  if (session.todo.length > 0 && path === "/setup") return null;
  if (!desk && session.user?.has_pin === false) return "/pin";
  const home = desk ? "/centre/overview" : "/today";
  if (path === "/pin") return desk ? home : null;
  if (path === "/login" && session.needs_login) return null;
  return ENTRY.has(path) || path === "/" ? home : null;
}

/** Before the engine's code is loaded and any database is open: the PIN pad where there is a PIN, else a line of words. */
function paint_first(): boolean {
  const line = document.querySelector(".boot");
  const first = read_first_screen(localStorage);
  if (first?.pin === true) {
    start_router(routes, () => "/unlock");
    createApp(App).mount("#app");
    return true;
  }
  if (line && first)
    line.textContent = first_line(first, t("app.opening"), (held) => t("sync.waiting", { held: held_words(held) }));
  return false;
}

const painted = (): Promise<void> =>
  new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve, 0));
  });

async function start(): Promise<void> {
  apply_view();
  const standing = paint_first();
  // What comes now would hold up the first picture.
  if (standing) await painted();
  if (read_first_screen(localStorage) === null) void load_entry();
  const [{ begin_engine }, { browser_ports }] = await Promise.all([
    import("./engine"),
    import("./device/browser_ports"),
    load_words(),
  ]);
  const { engine, opened } = await begin_engine(browser_ports());
  provide_session(engine.session);
  await opened;
  provide_engine(engine);
  // For operators and tests that must look at a replica; set by hand in this browser, off everywhere else.
  if (localStorage.getItem("xunan_debug") === "1") Object.assign(window, { xunan_debug: engine });
  start_router(routes, (path) => allowed(engine.session, path));
  let last = engine.session.phase;
  engine.on("session", () => {
    if (engine.session.phase === last) {
      recheck();
      return;
    }
    last = engine.session.phase;
    if (last === "locked") go(locked_at(engine.session), { replace: true });
    else recheck();
  });
  watch_touch(engine);
  const note_first = () => write_first_screen(localStorage, take_first_screen(engine));
  for (const topic of ["session", "sync", "queue"] as const) engine.on(topic, note_first);
  // Not by itself: without a network the page could not come back, and a half-written form is still on the screen.
  engine.on("evicted", () => say(t("error.evicted"), { words: t("app.reopen"), run: () => location.reload() }));
  if (!standing) createApp(App).mount("#app");
  if (route.record === null) recheck();
  if (engine.session.phase === "locked") void load_home();
  // Without a worker the page still works online; a refusal (private window) is not an error to show.
  await watch_updates().catch(() => undefined);
}

void start().catch((error: unknown) => {
  const why = error instanceof Error ? error.message : String(error);
  const line = document.createElement("p");
  line.className = "boot";
  line.textContent = `没有打开:${why}。本机数据没有改动。请关闭其他巡安页面后重新打开。`;
  document.querySelector("#app")?.replaceChildren(line);
});
