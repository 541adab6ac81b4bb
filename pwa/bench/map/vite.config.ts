/** Build of the bench's map page: the same target as the product, nothing else. */
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

export default defineConfig({ base: "./", plugins: [vue()], build: { target: "chrome109", emptyOutDir: true } });
