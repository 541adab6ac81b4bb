/** Test runner: Node only, with IndexedDB played by fake-indexeddb; order is shuffled so that no test leans on another. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { environment: "node", include: ["tests/**/*.test.ts"], sequence: { shuffle: true }, testTimeout: 20_000 },
});
