/** What a report can be asked: parts of words, several values, another period, properties, intervals. */
import assert from "node:assert/strict";
import { again, assertClean, given, person, picture, rows, run, setUp, tile, until, visitDemo } from "./lib.mjs";

await run(async (browser) => {
  await visitDemo(browser);
  const owner = await person(browser);
  const { page } = owner;
  await setUp(page, { domain: "mine.example", password: "a sentence that works well" });
  await page.goto(`${given.url}/sites/demo.example?period=day`);
  const numbers = async () => [await tile(page, "Visitors"), await tile(page, "Pageviews")];
  await until("one visitor, four pages", ["1", "4"], async () => {
    await again(page);
    return numbers();
  });
  const pill = (words) => page.getByRole("button", { name: `Edit filter: ${words}`, exact: true });
  const editor = page.getByRole("dialog");

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
  await until("two pages and what happened there", ["1", "3"], numbers);
  await page.goBack();
  await until("Back takes both", ["1", "4"], numbers);

  // beside another period: yesterday had nobody
  const was = (name) => page.locator(".tile", { has: page.getByRole("button", { name, exact: true }) }).locator(".was").innerText();
  await page.getByRole("button", { name: "Compare: off" }).click();
  await page.getByRole("menuitemradio", { name: "Previous period" }).click();
  await until("visitors are new", true, async () => /new\s*from 0/.test(await was("Visitors")));
  assert.match(page.url(), /compare=previous_period/);
  await page.getByText("Today is not over").waitFor();
  await page.locator(".keys .compare").waitFor();
  await picture(page, "compare");
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
  assertClean(owner, [given.url]);
});
