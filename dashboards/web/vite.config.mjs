/**
 * How the dashboard is bundled: one entry, hashed names under `assets/`, nothing inline, so that
 * the strict content policy of the server holds. No source maps: the binary carries these files.
 */
import preact from "@preact/preset-vite";
import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname ?? new URL(".", import.meta.url).pathname,
  base: "/",
  plugins: [preact({ devToolsEnabled: false, prefreshEnabled: false })],
  logLevel: "warn",
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: ["es2022", "chrome123", "firefox121", "safari17.5"],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    reportCompressedSize: false,
  },
});
