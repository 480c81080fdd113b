/**
 * How the dashboard is bundled: one entry, hashed names under `assets/`, nothing inline, so that
 * the strict content policy of the server holds. No source maps: the binary carries these files.
 */
import preact from "@preact/preset-vite";
import { defineConfig } from "vite";

/** Fetched when they are opened; everything else is one file, which packs better than several. */
const LATER =
  /\/src\/(pages\/(filtered|install|new-site|settings|setup|vitals)\.tsx|parts\/(details|filter-editor|filter-values|rail|site-form|waiting|by-day|settings\/[a-z-]+|script-errors|vital-[a-z]+)\.tsx|state\/(countries|refusals|rules|site|vitals)\.ts|styles\/(settings|measured)\.css)$/;

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
    // what only later pages look like comes with them
    cssCodeSplit: true,
    reportCompressedSize: false,
    rolldownOptions: {
      output: { codeSplitting: { groups: [{ name: "index", test: (id) => !LATER.test(id) }] } },
    },
  },
});
