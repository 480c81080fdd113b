/**
 * The pages of `tags-pages.mjs` in a browser, compared with the rows that are stored; and that nothing
 * of what tells people apart leaves the page.
 */
import assert from "node:assert/strict";
import { assertNothingStored, collected, difference, found, given, lines, person, run, siteOf, sleep, stored, until } from "./lib.mjs";
import { CAMPAIGNS } from "./tags-edges.mjs";
import { CANARY, CONTROL, pages } from "./tags-pages.mjs";

const PAGES = pages(given.url);
/** What the pages of these tests keep in the browser themselves, or for a visitor who says no. */
const KEPT = ["/umami/disabled", "/matomo/out"];
/** Visitors at a time; they wait more than they do. */
const AT_ONCE = 4;
/** How long what was sent last may take to arrive (milliseconds). */
const ARRIVING = 150;
/** How long the slowest script may take to send what the page sends by itself (milliseconds). */
const TO_COME = 5_000;

/** Does something for each of a list, a few at a time. */
async function each(list, act) {
  const left = [...list];
  const worker = async () => {
    for (let next; (next = left.shift()); ) await act(next);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Opens a page and does there what a visitor does; gives what was asked of headcount. */
async function visit(browser, shop, path, one) {
  const visitor = await person(browser);
  const { page, seen, context } = visitor;
  if (one.route) await context.route(one.route, (route) => route.abort());
  // never answered
  if (one.hangs) await context.route(one.hangs, () => {});
  await page.goto(`http://${one.host ?? "shop.example"}:${shop.port}${one.open ?? path}`, { waitUntil: one.hangs ? "commit" : "load" });
  await one.act?.(page);
  await sleep(one.wait ?? 50);
  await one.after?.(page);
  const wanted = one.sent ?? Object.values(one.rows ?? {}).flat().length;
  const events = () => collected(seen).filter((name) => name != "engagement");
  await until(`${path} sends`, true, () => !!one.route || events().length >= wanted, TO_COME).catch((cause) => {
    throw new Error(`${path}: ${JSON.stringify([events(), seen.faults])}`, { cause });
  });
  // what has left the page arrives before it is closed
  await sleep(ARRIVING);
  if (one.silent) assert.deepEqual(collected(seen), [], `${path} sends nothing`);
  const faults = seen.faults.filter((fault) => !one.route || !/ERR_FAILED/.test(fault));
  assert.deepEqual(faults, [], `${path}: faults`);
  if (!KEPT.includes(path)) await assertNothingStored(visitor);
  await context.close();
  return seen.requests.filter(({ url }) => url.startsWith(given.url)).map(({ url, body }) => `${url} ${body ?? ""}`);
}

/** Whoever asks not to be counted is not, by none of the tags, and the page's own code goes on. */
async function silence(browser, shop) {
  const says = (name, value) => `Object.defineProperty(Navigator.prototype, "${name}", { get: () => ${JSON.stringify(value)} })`;
  const wishes = [
    { before: says("doNotTrack", "1") },
    { before: says("globalPrivacyControl", true) },
    { before: "localStorage.headcount_ignore = 'true'" },
    { automation: false },
  ];
  await each(wishes, async (wish) => {
    const { page, seen, context } = await person(browser, wish);
    for (const path of ["/all/five", "/ga/refused", "/pa", "/liwan"]) {
      await page.goto(`http://shop.example:${shop.port}${path}`);
      await PAGES[path].act(page);
      await sleep(100);
    }
    const asked = seen.requests.filter(({ url }) => /\/api\/|pixel|counter/.test(url) && !/script\.js/.test(url));
    assert.deepEqual(asked, [], JSON.stringify(wish));
    assert.ok(seen.requests.some(({ url }) => /gtag\/js/.test(url)), "the script is loaded");
    await context.close();
  });
}

await run(async (browser) => {
  const shop = await siteOf((path) => PAGES[path] ?? (Object.keys(PAGES).some((one) => path.startsWith(one)) ? {} : undefined));
  const expected = {};
  const bodies = [];
  await each(Object.entries(PAGES), async ([path, one]) => {
    bodies.push(...(await visit(browser, shop, path, one)));
    for (const [at, rows] of Object.entries(one.rows ?? {})) expected[at] = [...(expected[at] ?? []), ...rows];
  });
  await silence(browser, shop);
  shop.close();

  // rows of which there may be one
  const any = Object.assign({}, ...Object.values(PAGES).map((one) => one.any));
  await until("the stored rows", { missing: [], unexpected: [] }, async () => {
    const rows = await found();
    for (const [path, patterns] of Object.entries(any)) {
      for (const pattern of patterns) {
        const at = rows[path]?.findIndex((row) => pattern.test(row)) ?? -1;
        if (at >= 0) rows[path].splice(at, 1);
      }
    }
    return difference(lines(expected), lines(rows));
  }, 15_000);

  // neither on the wire nor in a row; what may be there is seen in both
  const sent = (word) => bodies.filter((body) => body.toLowerCase().includes(word.toLowerCase())).length;
  assert.equal(sent(CANARY), 0);
  assert.ok(sent(CONTROL) > 3, "the control is sent");
  const kept = async (word) => Number((await stored(`SELECT countIf(positionCaseInsensitive(formatRow('JSONEachRow', *), '${word}') > 0) AS rows FROM open_events`))[0].rows);
  assert.equal(await kept(CANARY), 0);
  assert.ok((await kept(CONTROL)) > 3, "the control is stored");

  const visitors = await stored("SELECT uniqExact(visitor) AS visitors, min(visitor) > 0 AS known FROM open_events GROUP BY site");
  assert.deepEqual(visitors.map(({ visitors, known }) => [Number(visitors), known]), [[1, 1], [1, 1]], "visitors");
  for (const path of ["/two", "/pl/two"]) {
    const sites = await stored(`SELECT count() AS rows FROM open_events WHERE path = '${path}' AND name = 'pageview' GROUP BY site`);
    assert.deepEqual(sites.map(({ rows }) => Number(rows)), [1, 1], `${path}: one view for each of two sites`);
  }
  // attention is told of pages that were left, by the tag that counts them and by no other
  const attention = await stored("SELECT path, max(scroll) > 0 AS seen, uniqExact(site) = count() AS once FROM open_events WHERE name = 'engagement' GROUP BY path");
  for (const path of ["/all/first", "/ga/app", "/liwan", "/pa", "/umami"]) {
    assert.deepEqual(attention.find((one) => one.path == path), { path, seen: 1, once: 1 }, `attention of ${path}`);
  }
  const passive = await stored("SELECT groupUniqArray(name) AS names FROM open_events WHERE NOT interactive AND name != 'engagement'");
  assert.deepEqual(passive[0].names.sort(), [
    "Bought", "Product View", "labelled", "scroll", "view_item", "view_item_list", "view_promotion", "view_search_results",
  ]);
  const active = await stored("SELECT groupUniqArray(path) AS paths FROM open_events WHERE interactive AND name IN ('scroll', 'view_item', 'view_item_list', 'view_promotion', 'view_search_results')");
  assert.deepEqual(active[0].paths, ["/matomo"], "a search of Matomo's is what somebody did");
  for (const [path, campaign] of Object.entries(CAMPAIGNS)) {
    const told = await stored(`SELECT utm_source, utm_medium, utm_campaign FROM open_events WHERE path = '${path}' AND name = 'pageview'`);
    assert.deepEqual(told.map(Object.values), [campaign], `${path}: campaign`);
  }
});
