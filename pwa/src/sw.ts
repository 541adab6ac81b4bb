/**
 * Service worker: the page starts without a network, and only that.
 * Owns: the precache of the built files, the navigation fallback to index.html, taking over when the page asks.
 * Must not: touch the API, the operation log or uploads (courier owns them), and never call skipWaiting by itself:
 * a new version under an open form loses what was typed. The page sends {type:"SKIP_WAITING"} after the user agrees.
 */
import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute } from "workbox-precaching";
import { NavigationRoute, registerRoute } from "workbox-routing";

declare const self: ServiceWorkerGlobalScope & { __WB_MANIFEST: { url: string; revision: string | null }[] };

interface RouterEvent extends ExtendableEvent {
  addRoutes?: (rules: unknown) => Promise<void>;
}

const SHELL = "/index.html";

precacheAndRoute(self.__WB_MANIFEST, { ignoreURLParametersMatching: [/^utm_/, /^v$/] });
cleanupOutdatedCaches();
registerRoute(
  new NavigationRoute(createHandlerBoundToURL(SHELL), {
    denylist: [/^\/api\//, /^\/openapi\.json$/, /^\/(healthz|readyz|metrics)$/],
  }),
);

self.addEventListener("install", (event) => {
  // Static routing (Chrome 123+): API calls never wait for this worker to boot.
  const router = event as RouterEvent;
  if (typeof router.addRoutes !== "function") return;
  event.waitUntil(
    router
      .addRoutes([
        { condition: { urlPattern: { pathname: "/api/*" } }, source: "network" },
        { condition: { urlPattern: { pathname: "/healthz" } }, source: "network" },
      ])
      .catch(() => undefined), // an engine with another draft of the syntax still works through fetch below
  );
});

self.addEventListener("message", (event) => {
  if ((event.data as { type?: string } | null)?.type === "SKIP_WAITING") void self.skipWaiting();
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
