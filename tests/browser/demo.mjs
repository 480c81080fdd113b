/**
 * The demo site and its report: filters, Back, periods, comparison, intervals, custom events and
 * their properties, and what is asked of whom.
 */
import assert from "node:assert/strict";
import { again, assertClean, assertNothingStored, given, nextEvent, person, picture, rows, run, setUp, sleep, tile, until } from "./lib.mjs";

await run(async (browser) => {
  const visitor = await person(browser);
  for (const path of ["/demo", "/demo/pricing", "/demo/docs"]) {
    const sent = nextEvent(visitor.page);
    await visitor.page.goto(given.url + path);
    assert.equal((await sent).headers()["x-headcount"], "accepted");
  }
  await visitor.page.goto(given.url + "/demo/pricing");
  await visitor.page.getByRole("button", { name: "Take the barge" }).click();
  await visitor.page.getByRole("status").filter({ hasText: "was sent" }).waitFor();
  assert.equal(await visitor.page.locator("[data-not-counted]").isVisible(), false);
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

  // a part of a path, typed; whether its letters are large does not matter
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  await editor.getByLabel("Condition").selectOption("contains");
  await editor.getByLabel("Text").fill("PRIC");
  await editor.getByRole("listitem").filter({ hasText: "/demo/pricing" }).waitFor();
  await editor.getByLabel("Text").press("Enter");
  await pill("Page contains PRIC").waitFor();
  assert.match(page.url(), /f=contains,event:page,PRIC/);
  await until("what has it in its path", ["1", "2"], numbers);
  await page.getByRole("link", { name: "Clear" }).click();
  await until("nothing in the way", ["1", "4"], numbers);

  // two values ticked in one filter
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  await editor.getByRole("checkbox", { name: "/demo/docs" }).check();
  await editor.getByRole("checkbox", { name: "/demo/pricing" }).check();
  await editor.getByRole("button", { name: "Apply" }).click();
  await page.getByRole("button", { name: /^Edit filter: Page is .* or / }).waitFor();
  await until("two pages and what happened there", ["1", "3"], async () => [
    await tile(page, "Visitors"), await tile(page, "Pageviews"),
  ]);
  await page.goBack();
  await until("Back takes both", ["1", "4"], numbers);

  // beside another period: yesterday had nobody
  const was = (name) => page.locator(".tile", { has: page.getByRole("button", { name, exact: true }) }).locator(".was").innerText();
  await page.getByRole("button", { name: "Compare: off" }).click();
  await page.getByRole("menuitemradio", { name: "Previous period" }).click();
  await until("visitors are new", true, async () => /new\s*from 0/.test(await was("Visitors")));
  assert.match(page.url(), /compare=previous_period/);
  await page.getByText("Today is not over").waitFor();
  await picture(page, "demo-compare");
  await page.goBack();
  await until("no comparison", 0, () => page.locator(".tile .was").count());

  // the properties of events, by name
  await page.getByRole("tab", { name: "Properties" }).click();
  await page.getByLabel("Property", { exact: true }).fill("plan");
  await page.getByLabel("Property", { exact: true }).press("Enter");
  await until("the plan that was taken", [["barge", "1"]], () => rows(page, "Properties"));
  assert.match(page.url(), /property=plan/);

  // details know more of a page
  await page.goto(`${given.url}/sites/demo.example?period=day&details=pages`);
  const details = page.getByRole("dialog", { name: "All Top pages" });
  await details.getByRole("columnheader", { name: "Time on page" }).waitFor();
  await details.getByRole("rowheader", { name: "/demo/docs" }).waitFor();
  await page.keyboard.press("Escape");
  await until("details are gone from the address", false, () => /details=/.test(page.url()));

  // how fine the chart is
  const per = (interval) => page.getByRole("slider", { name: new RegExp(` per ${interval};`) }).waitFor();
  await per("hour");
  await page.getByRole("radio", { name: "Minutes" }).check();
  await per("minute");
  await page.goto(`${given.url}/sites/demo.example?period=28d&interval=week`);
  await per("week");
  const weeks = page.getByRole("table", { name: "Visitors per week" }).locator("tbody tr");
  assert.ok([4, 5].includes(await weeks.count()), `${await weeks.count()} weeks`);
  await page.getByRole("radio", { name: "Days" }).check();
  await per("day");
  assert.match(page.url(), /interval=day/);
  await page.goto(`${given.url}/sites/demo.example?period=day`);
  await until("today again", ["1", "4"], numbers);

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
