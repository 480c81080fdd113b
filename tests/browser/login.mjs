/** Logging in and out, what a wrong password says, and what is not to be had without a login. */
import assert from "node:assert/strict";
import { assertClean, given, person, picture, run, setUp } from "./lib.mjs";

const EMAIL = "owner@shop.example";
const PASSWORD = "a sentence that works well";

await run(async (browser) => {
  const owner = await person(browser);
  const { page, context } = owner;
  await page.goto(given.url + "/");
  await page.getByRole("heading", { name: "There is no account yet" }).waitFor();
  await setUp(page, { domain: "shop.example", password: PASSWORD });
  const cookies = await context.cookies();
  assert.equal(cookies.length, 1);
  assert.equal(cookies[0].name, "headcount_login");
  assert.equal(cookies[0].httpOnly, true);
  assert.equal(cookies[0].sameSite, "Lax");
  assert.equal(await page.evaluate(() => document.cookie), "", "scripts cannot read the login");

  await page.getByRole("button", { name: `Account of ${EMAIL}` }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  assert.deepEqual(await context.cookies(), []);

  await page.goto(given.url + "/sites/shop.example?period=28d");
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await page.getByLabel("E-mail").fill(EMAIL);
  await page.getByLabel("Password").fill("a sentence that does not");
  await page.getByRole("button", { name: "Log in" }).click();
  const said = await page.getByRole("alert").innerText();
  assert.match(said, /password/i);
  assert.doesNotMatch(said, /no such account|unknown e-?mail/i, "whether an account exists is not told");
  await picture(page, "wrong-password");
  await page.getByLabel("E-mail").fill("nobody@shop.example");
  await page.getByLabel("Password").fill("a sentence that does not");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("button", { name: "Log in" }).waitFor();
  assert.equal(await page.getByRole("alert").innerText(), said, "the same words for nobody");

  await page.getByLabel("E-mail").fill(EMAIL);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL((url) => url.pathname === "/sites/shop.example" && url.searchParams.get("period") === "28d");
  await page.goto(given.setup);
  await page.getByRole("heading", { name: "This set-up address does not work" }).waitFor();
  const faults = owner.seen.faults.filter((text) => !/status of 404/.test(text));
  assertClean({ seen: { ...owner.seen, faults } }, [given.url]);
});
