/**
 * Service worker: the page starts without a network, and only that.
 * Owns: the precache of the built files, the navigation fallback to index.html, what the browser may take from the
 * caches by itself, taking over when the page asks.
 * Must not: touch the API, the operation log or uploads (courier owns them), and never call skipWaiting by itself:
 * a new version under an open form loses what was typed. The page sends {type:"SKIP_WAITING"} after the user agrees.
 */
import { cacheNames } from "workbox-core";
import { cleanupOutdatedCaches, createHandlerBoundToURL, matchPrecache, precacheAndRoute } from "workbox-precaching";
import { NavigationRoute, registerRoute } from "workbox-routing";
import { asks_to_take_over } from "./take_over";

declare const self: ServiceWorkerGlobalScope & { __WB_MANIFEST: { url: string; revision: string | null }[] };

interface RouterEvent extends ExtendableEvent {
  addRoutes?: (rules: unknown) => Promise<void>;
}

const SHELL = "/index.html";
const MANIFEST: { url: string; revision: string | null }[] = self.__WB_MANIFEST;
/** The page once more, under the very address it is opened by: the browser can take it without this worker. */
const SHELL_CACHES = "xunan-shell-";
const SHELL_CACHE = `${SHELL_CACHES}${MANIFEST.find((one) => one.url === "index.html")?.revision ?? ""}`;

precacheAndRoute(MANIFEST, { ignoreURLParametersMatching: [/^utm_/, /^v$/] });
cleanupOutdatedCaches();
registerRoute(
  new NavigationRoute(createHandlerBoundToURL(SHELL), {
    denylist: [/^\/api\//, /^\/openapi\.json$/, /^\/(healthz|readyz|metrics)$/],
  }),
);

self.addEventListener("install", (event) => {
  // Static routing (Chrome 123+): API calls, the page and its files never wait for this worker to boot. What is not in
  // the cache comes from the network.
  const router = event as RouterEvent;
  if (typeof router.addRoutes !== "function") return;
  event.waitUntil(
    router
      .addRoutes([
        { condition: { urlPattern: { pathname: "/api/*" } }, source: "network" },
        { condition: { urlPattern: { pathname: "/healthz" } }, source: "network" },
        { condition: { urlPattern: { pathname: "/assets/*" } }, source: { cacheName: cacheNames.precache } },
        {
          condition: { urlPattern: { pathname: "/", search: "" }, requestMode: "navigate" },
          source: { cacheName: SHELL_CACHE },
        },
      ])
      .catch(() => undefined), // an engine with another draft of the syntax still works through fetch below
  );
});

async function keep_shell(): Promise<void> {
  const page = await matchPrecache(SHELL);
  if (page !== undefined) await (await caches.open(SHELL_CACHE)).put("/", page);
  for (const name of await caches.keys())
    if (name.startsWith(SHELL_CACHES) && name !== SHELL_CACHE) await caches.delete(name);
}

self.addEventListener("message", (event) => {
  if (asks_to_take_over(event, self.location.origin)) void self.skipWaiting();
});

self.addEventListener("activate", (event) => event.waitUntil(keep_shell().then(() => self.clients.claim())));
