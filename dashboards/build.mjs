/**
 * Builds everything a browser loads: tracker, dashboard, demo site. Type-checks, compresses each
 * file (`.br`, `.gz` beside it) and ends with 1 when a budget is broken. Prints a table of sizes.
 *
 * Run by `npm run build`. Writes only `dashboards/tracker/dist` and `dashboards/web/dist`.
 */
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build as bundle } from "esbuild";
import { minify } from "terser";
import { build as buildPages } from "vite";

/**
 * What sites load: source, whether everything is in it, whether it stands in for another tool's script,
 * and brotli bytes at most, if promised.
 */
const SCRIPTS = [
  { file: "script.js", source: "script.ts", full: false, budget: 1024 },
  { file: "full.js", source: "script.ts", full: true, budget: 3 * 1024 },
  { file: "vitals.js", source: "vitals.ts", full: true },
  { file: "opt-out.js", source: "opt-out.ts", full: true },
  // under other tools' names: src/server/router.rs says which
  { file: "tags.js", source: "tags.ts", full: true, standIn: true },
  { file: "plausible.js", source: "plausible.ts", full: true, standIn: true },
  { file: "gtag.js", source: "gtag.ts", full: true, standIn: true },
  { file: "matomo.js", source: "matomo.ts", full: true, standIn: true },
  { file: "count.js", source: "count.ts", full: true, standIn: true },
];
/** Brotli bytes of everything the dashboard's first page loads. */
const FIRST_LOAD_BUDGET = 60 * 1024;
/** Below this compression is not worth a second file (bytes). */
const WORTH_COMPRESSING = 200;

const here = dirname(fileURLToPath(import.meta.url));
const web = join(here, "web");
const tracker = join(here, "tracker");
const run = promisify(execFile);

function brotli(bytes, mode = constants.BROTLI_MODE_TEXT) {
  return brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_MODE]: mode,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
}

async function typeCheck(project) {
  const tsc = join(here, "..", "node_modules", ".bin", "tsc");
  try {
    await run(tsc, ["--noEmit", "-p", project]);
  } catch (failed) {
    throw new Error(`${relative(here, project)} does not type-check:\n${failed.stdout ?? failed.message}`);
  }
}

async function buildScript({ file, source, full, standIn = false }, dist) {
  const made = await bundle({
    entryPoints: [join(tracker, "src", source)],
    bundle: true,
    format: "iife",
    target: "es2020",
    define: { FULL: String(full), STAND_IN: String(standIn) },
    // no "use strict" in front: every byte counts
    tsconfigRaw: {},
    minify: true,
    write: false,
  });
  const { code } = await minify(made.outputFiles[0].text, {
    ecma: 2020,
    compress: { passes: 3, toplevel: true, unsafe_arrows: true, ecma: 2020 },
    mangle: { toplevel: true },
  });
  writeFileSync(join(dist, file), code);
}

async function buildTracker() {
  const dist = join(tracker, "dist");
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });
  await Promise.all(SCRIPTS.map((script) => buildScript(script, dist)));
  return dist;
}

async function buildWeb() {
  await buildPages({ configFile: join(web, "vite.config.mjs"), root: web });
  const dist = join(web, "dist");
  mkdirSync(join(dist, "demo"), { recursive: true });
  for (const name of ["index.html", "pricing.html", "docs.html", "demo.css", "demo.js"]) {
    cpSync(join(here, "demo", name), join(dist, "demo", name));
  }
  return dist;
}

function filesUnder(dir) {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** Writes the compressed siblings; gives the sizes. */
function compress(path) {
  const bytes = readFileSync(path);
  const small = bytes.length < WORTH_COMPRESSING;
  const packed = brotli(bytes);
  if (!small) {
    writeFileSync(path + ".br", packed);
    writeFileSync(path + ".gz", gzipSync(bytes, { level: 9 }));
  }
  return { path: relative(here, path), raw: bytes.length, brotli: small ? bytes.length : packed.length };
}

/** What a browser fetches for the first page: the document and every file it names. */
function firstLoad(dist, sizes) {
  const html = readFileSync(join(dist, "index.html"), "utf8");
  return sizes.filter(({ path }) => path === "web/dist/index.html" || html.includes(path.replace("web/dist", "")));
}

function print(rows) {
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, raw, packed] of rows) {
    console.log(`${name.padEnd(width)}  ${String(raw).padStart(8)}  ${String(packed).padStart(8)}`);
  }
}

async function main() {
  const started = performance.now();
  const [trackerDist, webDist] = await Promise.all([
    buildTracker(),
    buildWeb(),
    typeCheck(tracker),
    typeCheck(web),
  ]);
  const sizes = [...filesUnder(trackerDist), ...filesUnder(webDist)].map(compress);
  print([["file", "bytes", "brotli"], ...sizes.map((size) => [size.path, size.raw, size.brotli])]);

  const budgets = [
    ...SCRIPTS.filter(({ budget }) => budget).map(({ file, budget }) => [
      file,
      sizes.find(({ path }) => path === `tracker/dist/${file}`).brotli,
      budget,
    ]),
    ["dashboard, first load", firstLoad(webDist, sizes).reduce((sum, size) => sum + size.brotli, 0), FIRST_LOAD_BUDGET],
  ];
  let broken = false;
  for (const [name, size, budget] of budgets) {
    const over = size > budget;
    broken ||= over;
    console.log(`${name}: ${size} of ${budget} bytes brotli${over ? ", OVER BUDGET" : ""}`);
  }
  console.log(`built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  if (broken) process.exitCode = 1;
}

main().catch((failed) => {
  console.error(failed.message ?? failed);
  process.exitCode = 1;
});
