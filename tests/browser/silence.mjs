/** Browsers that ask not to be counted, and browsers that are driven: nothing leaves them. */
import assert from "node:assert/strict";
import { assertNothingStored, collected, given, person, run, siteWith, sleep } from "./lib.mjs";

/** Makes the browser say so to scripts, as its own setting would. */
const says = (name, value) =>
  `Object.defineProperty(Navigator.prototype, ${JSON.stringify(name)}, { get: () => ${JSON.stringify(value)}, configurable: true })`;

const SILENT = [
  ["Do Not Track", { headers: { DNT: "1" }, before: says("doNotTrack", "1") }, /Do Not Track/],
  ["Global Privacy Control", { headers: { "Sec-GPC": "1" }, before: says("globalPrivacyControl", true) }, /Global Privacy Control/],
  ["a driven browser", { automation: false }, /a program drives this browser/],
  ["one's own opt-out", { before: "localStorage.headcount_ignore = 'true'" }, /headcount_ignore/],
];

await run(async (browser) => {
  const shop = await siteWith(`<script defer data-domain="demo.example" src="${given.url}/js/script.js"></script>`);
  for (const [name, options, why] of SILENT) {
    const one = await person(browser, options);
    // what the browser itself says it sends, below the page
    const wire = [];
    const devtools = await one.context.newCDPSession(one.page);
    await devtools.send("Network.enable");
    devtools.on("Network.requestWillBeSent", ({ request }) => wire.push(request.url));

    await one.page.goto(given.url + "/demo/pricing");
    await one.page.getByText(why).first().waitFor();
    await one.page.getByRole("button", { name: "Take the raft" }).click();
    await one.page.getByRole("status").filter({ hasText: "Nothing was sent" }).waitFor();
    await one.page.evaluate(() => history.pushState(null, "", "/demo/docs?x=1"));
    await one.page.mouse.wheel(0, 500);
    await one.page.goto(given.url + "/demo");
    await one.page.goto(`${shop.origin}/page`);
    await one.page.evaluate(() => window.headcount?.("Signup"));
    await sleep(500);
    await one.page.goto("about:blank");
    await sleep(200);
    assert.ok(wire.some((url) => url.endsWith("/js/script.js")), `${name}: the log of the wire is deaf`);
    assert.deepEqual(wire.filter((url) => /\/api\/event|pixel/.test(url)), [], name);
    assert.deepEqual(collected(one.seen), [], name);
    assert.deepEqual(await one.context.cookies(), [], name);
    await one.context.close();
  }
  shop.close();

  // the control: the same pages in a browser without any of it do send
  const other = await person(browser);
  await other.page.goto(given.url + "/demo/pricing");
  await sleep(500);
  assert.deepEqual(collected(other.seen), ["pageview"], "a browser that may be counted sends one event");
  await assertNothingStored(other);
  // it tells its attention when the page is left; the rows are counted after that
  await other.page.goto("about:blank");
  await sleep(1000);
});
