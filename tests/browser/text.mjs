/** What strangers send is shown as text, wherever it is shown. */
import assert from "node:assert/strict";
import { assertClean, given, person, picture, rows, run, setUp, until } from "./lib.mjs";

const EVIL = "<img src=x onerror=alert(1)>";

await run(async (browser) => {
  const owner = await person(browser, { before: "window.alert = () => { window.__ran = true }" });
  const { page } = owner;
  await setUp(page, { domain: "mine.example", password: "a sentence that works well" });
  await page.goto(`${given.url}/sites/demo.example?period=day`);
  await page.getByRole("table", { name: /^Top pages/ }).waitFor();
  const names = async (panel) => (await rows(page, panel)).map(([name]) => name);
  const has = (panel) => async () => (await names(panel)).some((name) => name.includes("onerror") || name.includes("<script"));
  await until("the page is listed", true, has("Top pages"));
  await until("the event is listed", true, has("Custom events"));
  for (const [tab, list] of [["Entry", "Entry"], ["Exit", "Exit"], ["Sources", "Sources"]]) {
    await page.getByRole("tab", { name: tab, exact: true }).click();
    await until(`${tab} has it`, true, has(list));
  }
  await picture(page, "text");
  const link = page.getByRole("table", { name: /^Custom events/ }).getByRole("link").first();
  await link.click();
  await page.getByRole("button", { name: /^Edit filter: Event is/ }).waitFor();
  const shown = await page.locator("img, iframe, object, embed, script:not([src])").evaluateAll((all) => all.map((one) => one.outerHTML));
  assert.deepEqual(shown, [], "something became an element");
  const links = await page.locator("a").evaluateAll((all) => all.map((one) => one.protocol));
  assert.ok(links.every((protocol) => /^https?:$/.test(protocol)), `${links}`);
  // suggestions of the filter editor, and an address that somebody made
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  await page.getByRole("dialog").getByRole("checkbox").first().waitFor();
  assert.equal(await page.locator("img, script:not([src])").count(), 0, "a suggestion became an element");
  await page.keyboard.press("Escape");
  await page.goto(`${given.url}/sites/demo.example?period=day&property=${encodeURIComponent(EVIL)}&f=is,event:page,${encodeURIComponent(EVIL)}`);
  await page.getByRole("button", { name: /^Edit filter: Page is/ }).waitFor();
  assert.equal(await page.evaluate(() => window.__ran), undefined, "a stranger's script ran");
  assertClean(owner, [given.url]);
});
