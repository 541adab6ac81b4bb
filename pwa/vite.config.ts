/**
 * Build of the installable page.
 * Owns: entry, own service worker (injectManifest), the oldest engine we build for, the proxy used while developing.
 * Must not: bring in a CDN or an automatic update; the user decides when a new version takes over (sw.ts).
 */
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";
import { VitePWA } from "vite-plugin-pwa";

export default defineConfig({
  base: "/",
  plugins: [
    vue(),
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
  // First Android release with OPFS; HarmonyOS ArkWeb reports Chrome 114 (stack.md B.1).
  build: { target: "chrome109", sourcemap: true, chunkSizeWarningLimit: 600 },
  worker: { format: "es" },
  server: {
    proxy: { "/api": { target: process.env.XUNAN_DEV_API ?? "http://127.0.0.1:8000", changeOrigin: true } },
  },
});
