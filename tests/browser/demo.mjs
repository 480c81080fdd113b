/** The demo site and its report: filters, Back, periods, custom events, and what is asked of whom. */
import assert from "node:assert/strict";
import { again, assertClean, assertNothingStored, given, person, picture, rows, run, setUp, sleep, tile, until, visitDemo } from "./lib.mjs";

await run(async (browser) => {
  const visitor = await visitDemo(browser);
  await assertNothingStored(visitor);
  await picture(visitor.page, "demo");
  assertClean(visitor, [given.url]);

  const owner = await person(browser);
  const { page } = owner;
  await setUp(page, { domain: "mine.example", password: "a sentence that works well" });
  await page.goto(`${given.url}/sites/demo.example?period=day`);
  const numbers = async () => [await tile(page, "Visitors"), await tile(page, "Pageviews")];
  await until("one visitor, four pages", ["1", "4"], async () => {
    await again(page);
    return numbers();
  });
  await page.getByText(/threshold/i).first().waitFor();
  const pages = async () => (await rows(page, "Top pages")).sort();
  await until("the pages", [["/demo", "1"], ["/demo/docs", "1"], ["/demo/pricing", "1"]], pages);
  await until("the custom event", [["Signup", "1"]], () => rows(page, "Custom events"));
  await picture(page, "demo-report");

  // a click on a row is a filter, in the address; Back takes it away
  await page.getByRole("table", { name: /^Top pages/ }).getByRole("link", { name: "/demo/pricing" }).click();
  await until("two views of one page", ["1", "2"], numbers);
  assert.match(page.url(), /f=is,event:page,\/demo\/pricing/);
  const pill = (words) => page.getByRole("button", { name: `Edit filter: ${words}`, exact: true });
  const editor = page.getByRole("dialog");
  await pill("Page is /demo/pricing").waitFor();
  await page.goBack();
  await until("all of it again", ["1", "4"], numbers);
  await page.goForward();
  await until("and the filter again", ["1", "2"], numbers);

  // a pill opens the editor, which changes it
  await pill("Page is /demo/pricing").click();
  await editor.getByLabel("Condition").selectOption("is not");
  await editor.getByRole("button", { name: "Apply" }).click();
  await pill("Page is not /demo/pricing").waitFor();
  assert.match(page.url(), /f=is_not,event:page,\/demo\/pricing/);
  await until("the other pages", ["1", "2"], numbers);
  await page.getByRole("button", { name: /^Remove filter/ }).click();
  await until("no filter", ["1", "4"], numbers);

  // another period has none of it
  await page.getByRole("button", { name: /^Period:/ }).click();
  await page.getByRole("menuitemradio", { name: "Last 7 days" }).click();
  await until("nothing before today", "0", () => tile(page, "Pageviews"));
  assert.match(page.url(), /period=7d/);
  await page.goBack();
  await until("today", ["1", "4"], numbers);
  await page.getByRole("button", { name: /^Period:/ }).click();
  await page.getByRole("menuitemradio", { name: "Month to date" }).click();
  await until("this month, today with it", "4", () => tile(page, "Pageviews"));

  // who pays for the city data is said, with a link that leads nowhere by itself
  const credit = page.getByRole("link", { name: /DB-IP/ });
  assert.match(await credit.getAttribute("href"), /^https:\/\/db-ip\.com/);
  await sleep(200);
  assertClean(owner, [given.url]);
});
