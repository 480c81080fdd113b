/**
 * The pages of `tags-pages.mjs` in a browser, compared with the rows that are stored; and that nothing
 * of what tells people apart leaves the page.
 */
import assert from "node:assert/strict";
import { assertNothingStored, collected, difference, found, given, lines, person, run, siteOf, sleep, stored, until } from "./lib.mjs";
import { CANARY, CONTROL, pages } from "./tags-pages.mjs";

const PAGES = pages(given.url);
/** What the pages of these tests keep in the browser themselves, or for a visitor who says no. */
const KEPT = ["/umami/disabled", "/matomo/out"];
/** How long the slowest script may take to send what the page sends by itself (milliseconds). */
const TO_COME = 5_000;

await run(async (browser) => {
  const shop = await siteOf((path) => PAGES[path] ?? (Object.keys(PAGES).some((one) => path.startsWith(one)) ? {} : undefined));
  const expected = {};
  const bodies = [];
  for (const [path, one] of Object.entries(PAGES)) {
    const visitor = await person(browser);
    const { page, seen, context } = visitor;
    if (one.route) await context.route(one.route, (route) => route.abort());
    await page.goto(`http://${one.host ?? "shop.example"}:${shop.port}${one.open ?? path}`);
    await page.waitForLoadState("load");
    await one.act?.(page);
    await sleep(one.wait ?? 50);
    await one.after?.(page);
    const wanted = one.sent ?? Object.values(one.rows ?? {}).flat().length;
    await until(`${path} sends`, true, () => !!one.route || collected(seen).filter((name) => name != "engagement").length >= wanted, TO_COME).catch((error) => {
      throw new Error(`${path}: ${JSON.stringify([collected(seen), seen.faults])}`, { cause: error });
    });
    if (one.silent) assert.deepEqual(collected(seen), [], `${path} sends nothing`);
    const faults = seen.faults.filter((fault) => !one.route || !/ERR_FAILED/.test(fault));
    assert.deepEqual(faults, [], `${path}: faults`);
    if (!KEPT.includes(path)) await assertNothingStored(visitor);
    bodies.push(...seen.requests.filter(({ url }) => url.startsWith(given.url)).map(({ url, body }) => `${url} ${body ?? ""}`));
    await context.close();
    for (const [at, rows] of Object.entries(one.rows ?? {})) expected[at] = [...(expected[at] ?? []), ...rows];
  }
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
  const passive = await stored("SELECT groupUniqArray(name) AS names FROM open_events WHERE NOT interactive AND name != 'engagement'");
  assert.deepEqual(passive[0].names.sort(), ["Bought", "Product View", "labelled", "scroll"]);
});
