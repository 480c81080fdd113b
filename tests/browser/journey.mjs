/** From the set-up address to a report with the visits that were made, on a site of one's own. */
import assert from "node:assert/strict";
import {
  again, assertClean, assertNothingStored, collected, given, nextEvent, person, picture, run, setUp, siteWith, sleep, tile, until,
} from "./lib.mjs";

const PASSWORD = "a sentence that works well";

await run(async (browser) => {
  const owner = await person(browser);
  const { page } = owner;

  await page.goto(given.setup);
  await page.getByLabel("E-mail").fill("owner@shop.example");
  await page.getByLabel("Password").fill("short");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("alert").filter({ hasText: "At least 12 characters" }).waitFor();

  await setUp(page, { domain: "https://Shop.Example/some/page", password: PASSWORD });
  assert.equal(new URL(page.url()).pathname, "/sites/shop.example/install");
  await picture(page, "waiting");
  const snippet = await page.getByRole("region", { name: "The snippet" }).innerText();
  assert.match(snippet, /^<script defer data-domain="shop\.example"\s+src="http:\/\/127\.0\.0\.1:\d+\/js\/script\.js"><\/script>$/);

  const shop = await siteWith(snippet);
  const visitor = await person(browser);
  const first = nextEvent(visitor.page);
  const began = Date.now();
  await visitor.page.goto(`${shop.origin}/boats?utm_source=letter&secret=1`);
  const answer = await first;
  assert.equal(answer.status(), 202);
  assert.equal(answer.headers()["x-headcount"], "accepted");

  // the waiting page becomes the report by itself
  await page.waitForURL((url) => url.pathname === "/sites/shop.example", { timeout: 15_000 });
  console.log(`the report showed after ${Date.now() - began} ms`);
  const numbers = async () => [await tile(page, "Visitors"), await tile(page, "Visits"), await tile(page, "Pageviews")];
  await until("one visit", ["1", "1", "1"], numbers);

  // a page of the history is a page view; a fragment or a query is none
  const second = nextEvent(visitor.page);
  await visitor.page.evaluate(() => history.pushState(null, "", "/boats/raft"));
  assert.equal((await second).status(), 202);
  await visitor.page.evaluate(() => history.pushState(null, "", "/boats/raft?colour=red#top"));
  await sleep(300);
  const views = collected(visitor.seen).filter((name) => name === "pageview");
  assert.equal(views.length, 2, "two page views so far");

  // a custom event
  const third = nextEvent(visitor.page, "Signup");
  await visitor.page.evaluate(() => window.headcount("Signup", { props: { plan: "raft" } }));
  assert.equal((await third).status(), 202);

  // attention: a few seconds and a look further down, told when the page is left
  await visitor.page.mouse.move(200, 200);
  await visitor.page.mouse.wheel(0, 1500);
  await sleep(3300);
  // (its answer comes when the page is gone; that it was stored is looked at afterwards)
  await visitor.page.getByRole("link", { name: "next" }).evaluate((link) => link.click());
  await visitor.page.waitForURL(`${shop.origin}/next`);
  await assertNothingStored(visitor);

  const all = performance.now();
  await until("one visitor, one visit, three pages", ["1", "1", "3"], async () => {
    await again(page);
    return numbers();
  });
  console.log(`all was shown after ${Math.round(performance.now() - all)} ms`);
  // one visitor is below the threshold: totals, and no list
  await page.getByRole("heading", { name: "Too few to show" }).first().waitFor();
  assert.equal(await page.getByRole("table", { name: /^Top pages by/ }).count(), 0);
  await picture(page, "report");

  assertClean(visitor, [shop.origin, given.url]);
  assertClean(owner, [given.url]);
  shop.close();
});
