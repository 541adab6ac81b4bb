/**
 * Build of the installable page.
 * Owns: entry, own service worker (injectManifest), the oldest engine we build for, the proxy used while developing.
 * Must not: bring in a CDN or an automatic update; the user decides when a new version takes over (sw.ts).
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import vue from "@vitejs/plugin-vue";
import { defineConfig, type Plugin } from "vite";
import { VitePWA } from "vite-plugin-pwa";

/** What the first paint loads, gzipped: the entry, what it imports at once, and the entry's styles. */
const FIRST_PAINT_BYTES_MAX = 60_000;

function first_paint_budget(): Plugin {
  return {
    name: "first-paint-budget",
    generateBundle(_options, bundle) {
      const entry = Object.values(bundle).find(
        (one) => one.type === "chunk" && one.isEntry && /index/.test(one.fileName),
      );
      if (entry?.type !== "chunk") return;
      const names = new Set<string>();
      const walk = (name: string): void => {
        const chunk = bundle[name];
        if (names.has(name) || chunk?.type !== "chunk") return;
        names.add(name);
        chunk.imports.forEach(walk);
      };
      walk(entry.fileName);
      for (const name of Object.keys(bundle)) if (/index-[^/]*\.css$/.test(name)) names.add(name);
      let bytes = 0;
      for (const name of names) {
        const one = bundle[name]!;
        bytes += gzipSync(one.type === "chunk" ? one.code : one.source).length;
      }
      if (bytes > FIRST_PAINT_BYTES_MAX)
        this.error(
          `the first paint needs ${bytes} bytes gzipped (limit ${FIRST_PAINT_BYTES_MAX}): ${[...names].join(", ")}`,
        );
      this.info(`first paint: ${bytes} bytes gzipped of ${FIRST_PAINT_BYTES_MAX}`);
    },
  };
}

/** Every text of every template goes through components/shown.ts: what people typed cannot turn the words around it. */
function shown_texts(): Plugin {
  const own = /\btoDisplayString as _toDisplayString,?\s*/;
  return {
    name: "shown-texts",
    transform(code, id) {
      if (!/\.vue($|\?)/.test(id) || !own.test(code)) return null;
      const from = join(import.meta.dirname, "src/components/shown.ts");
      return { code: `import { shown as _toDisplayString } from ${JSON.stringify(from)};${code.replace(own, "")}`, map: null };
    },
  };
}

/** Below this a packed file saves no segment of the link. */
const PACKED_BYTES_MIN = 1_000;

/** Each hashed file once more, gzipped: server/web/static.py gives that one, so that nothing is packed at each request. */
function packed_assets(): Plugin {
  return {
    name: "packed-assets",
    writeBundle(options, bundle) {
      for (const [name, one] of Object.entries(bundle)) {
        if (!/^assets\/.*\.(js|css|svg|wasm)$/.test(name)) continue;
        const bytes = Buffer.from(one.type === "chunk" ? one.code : one.source);
        if (bytes.length >= PACKED_BYTES_MIN)
          writeFileSync(join(options.dir!, `${name}.gz`), gzipSync(bytes, { level: 9 }));
      }
    },
  };
}

/** The engine sets out with the entry: it is needed whatever the first screen is, and waiting for the entry to ask costs a round trip. */
function engine_at_once(): Plugin {
  return {
    name: "engine-at-once",
    transformIndexHtml: {
      order: "post",
      handler(_html, { bundle }) {
        const engine = Object.values(bundle ?? {}).find((one) => one.type === "chunk" && one.moduleIds.some((id) => id.endsWith("/src/running_engine.ts")));
        if (engine === undefined) return [];
        return [{ tag: "link", attrs: { rel: "modulepreload", crossorigin: true, fetchpriority: "low", href: `/${engine.fileName}` }, injectTo: "head" }];
      },
    },
  };
}

/** What is always fetched together is one file: over a far link each file more costs a round trip of one of six connections. */
const TOGETHER = [
  {
    name: "engine",
    test: /\/src\/(core|store|courier|files(?!\/tus_upload)|device\/(browser_ports|battery|clock|persistence|.*ports))|\/src\/(engine\w*|running_engine|accounts|desk|emitter)\.ts|\/src\/(generated\/kinds|i18n\/field)\.ts/,
  },
  { name: "entry", test: /\/src\/(screens\/field\/(Enrol|Login|SetPin)Screen|components\/(Sheet|ScanSheet|ViewSwitch|Segmented|scanning|icon))/ },
];

export default defineConfig({
  base: "/",
  plugins: [
    vue(),
    shown_texts(),
    first_paint_budget(),
    engine_at_once(),
    packed_assets(),
    VitePWA({
      strategies: "injectManifest",
      srcDir: "src",
      filename: "sw.ts",
      registerType: "prompt",
      injectRegister: false,
      manifest: false,
      injectManifest: {
        globPatterns: ["**/*.{js,css,html,svg,png,ico,woff2,webmanifest,wasm}"],
        maximumFileSizeToCacheInBytes: 4 * 1024 * 1024,
      },
    }),
  ],
  build: {
    // First Android release with OPFS; HarmonyOS ArkWeb reports Chrome 114 (stack.md B.1).
    target: "chrome109",
    sourcemap: false,
    chunkSizeWarningLimit: 600,
    rolldownOptions: { output: { codeSplitting: { groups: TOGETHER, includeDependenciesRecursively: false } } },
  },
  worker: { format: "es" },
  server: {
    proxy: { "/api": { target: process.env.XUNAN_DEV_API ?? "http://127.0.0.1:8000", changeOrigin: true } },
  },
});
