/**
 * Pages that come back, and pages drawn before anybody asked for them: a page is counted when it is
 * seen, each time it is, and never before.
 */
import assert from "node:assert/strict";
import { bareBrowser } from "./bare.mjs";
import { given, person, run, siteOf, sleep, stored, tag, until } from "./lib.mjs";

const FILES = ["script.js", "full.js"];

/** Page views by path, of the pages below one folder. */
async function views(folder) {
  const rows = await stored(
    `SELECT path, count() AS views FROM open_events WHERE name = 'pageview' AND path LIKE '${folder}/%' GROUP BY path ORDER BY path`,
  );
  return Object.fromEntries(rows.map(({ path, views }) => [path.slice(folder.length + 1), Number(views)]));
}

/** Back brings the very page, with its scripts as they were. */
async function back(browser, file) {
  const folder = `/${file}/back`;
  const shop = await siteOf(() => ({
    head: tag(`/js/${file}`) + "<script>addEventListener('pageshow', (event) => (window.back = event.persisted))</script>",
    body: `<a id="next" href="${folder}/second">next</a>`,
  }));
  const { context, page } = await person(browser);
  await page.goto(`${shop.origin}${folder}/first`);
  await page.evaluate(() => (window.same = true));
  await page.locator("#next").click();
  await page.waitForURL("**/second");
  await page.evaluate(() => history.back());
  await until("the page is back from the cache", [true, true], () => page.evaluate(() => [window.back, window.same]));
  await until("two pages, the first one twice", { first: 2, second: 1 }, () => views(folder), 10_000);
  await context.close();
  shop.close();
}

/** A page that is drawn ahead is not counted until it is shown. */
async function ahead(file) {
  const folder = `/${file}/ahead`;
  const rules = JSON.stringify({ prerender: [{ source: "list", urls: [`${folder}/shown`], eagerness: "immediate" }] });
  let ran = 0;
  let go = false;
  const shop = await siteOf((path) => {
    if (path == "/ran") ran += 1;
    if (path == "/go") return { script: String(go) };
    const drawn = `if (document.prerendering) fetch("/ran");`;
    const leave = `setInterval(async () => (await (await fetch("/go")).text()) == "true" && document.querySelector("a").click(), 100)`;
    return {
      head: `<script>window.__headcount_automation = true; ${drawn}</script>
        <script defer data-domain="demo.example" data-local src="${given.url}/js/${file}"></script>`,
      body: path.endsWith("/first") ? `<script type="speculationrules">${rules}</script><a href="${folder}/shown">next</a><script>${leave}</script>` : "",
    };
  });
  const asked = () => shop.asked.filter(({ path }) => path == `${folder}/shown`).map(({ headers }) => /prerender/.test(headers["sec-purpose"]));
  const close = bareBrowser(`http://127.0.0.1:${shop.port}${folder}/first`);
  try {
    await until("it is drawn ahead, scripts and all", [[true], 1], () => [asked(), ran], 15_000);
    await sleep(500);
    await until("and not counted", { first: 1 }, () => views(folder), 10_000);
    go = true;
    await until("counted when it is shown", { first: 1, shown: 1 }, () => views(folder), 10_000);
    assert.deepEqual(asked(), [true], "it was the page that was drawn ahead");
  } finally {
    await close();
    shop.close();
  }
}

await run(
  async (browser) => {
    for (const file of FILES) await back(browser, file);
    await Promise.all(FILES.map(ahead));
  },
  // a driver switches the cache for Back off
  { without: ["--disable-back-forward-cache"] },
);
