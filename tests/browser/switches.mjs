/**
 * Every way to say "do not count me" that a page can see: no script sends anything then, and whoever
 * asked for an answer gets an empty one. The requests are counted where they would arrive: at the
 * site's own server, which hands them on to headcount. The controls do send.
 */
import assert from "node:assert/strict";
import { person, run, siteOf, sleep, until } from "./lib.mjs";

const navigatorSays = (name, value) =>
  `Object.defineProperty(Navigator.prototype, ${JSON.stringify(name)}, { get: () => (${JSON.stringify(value)}), configurable: true })`;
const kept = (name, value) => `localStorage.setItem(${JSON.stringify(name)}, ${JSON.stringify(value)})`;

const SILENT = {
  "Do Not Track": navigatorSays("doNotTrack", "1"),
  "Do Not Track, an old word for it": navigatorSays("doNotTrack", "yes"),
  "Do Not Track of the window": "window.doNotTrack = '1'",
  "Do Not Track of old Microsoft browsers": navigatorSays("msDoNotTrack", "1"),
  "Global Privacy Control": navigatorSays("globalPrivacyControl", true),
  "cookies switched off": navigatorSays("cookieEnabled", false),
  "cookies switched off, storage forbidden":
    navigatorSays("cookieEnabled", false) + `;Object.defineProperty(window, "localStorage", { get() { throw new DOMException("no") } })`,
  "Google Analytics switched off": "window['ga-disable-UA-12345-6'] = true",
  "Google Analytics 4 switched off": "window['ga-disable-G-ABC'] = true",
  "the Google Analytics opt-out add-on": "window._gaUserPrefs = { ioo: () => true }",
  "an add-on that answers in another way": "window._gaUserPrefs = { ioo: true }",
  "headcount, beside an add-on that breaks":
    "window._gaUserPrefs = { ioo() { throw Error('broken') } };" + kept("headcount_ignore", "true"),
  headcount: kept("headcount_ignore", "true"),
  Plausible: kept("plausible_ignore", "true"),
  Umami: kept("umami.disabled", "1"),
  GoatCounter: kept("skipgc", "t"),
  Rybbit: kept("disable-rybbit", "true"),
  Liwan: kept("disable-liwan", "true"),
  "a driven browser": null,
};

const COUNTED = {
  nothing: "",
  "Do Not Track, not set": navigatorSays("doNotTrack", "unspecified") + ";" + navigatorSays("globalPrivacyControl", false),
  "no forbidden storage": `Object.defineProperty(window, "localStorage", { get() { throw new DOMException("no") } })`,
  "no storage at all": `Object.defineProperty(window, "localStorage", { get: () => null })`,
  "switches that are off": `window['ga-disable-UA-1'] = false; window._gaUserPrefs = { ioo: () => false }; ${kept("plausible_ignore", "false")}`,
  "others' entries": `${kept("plausible_ignored", "true")}; ${kept("x-skipgc", "t")}; ${kept("theme", "dark")}`,
};

/** Browsers at once. */
const AT_ONCE = 3;
const HEAD = `<script defer data-domain="shop.example" src="/x/s.js"></script>
  <script defer data-domain="a.shop.example" src="/x/f.js"></script>
  <script defer data-domain="shop.example" src="/x/v.js"></script>`;
const BODY = `<a id="away" href="https://elsewhere.example/">away</a><p style="height:3000px">long</p>
  <script>addEventListener("click", (event) => event.preventDefault())</script>`;

/** Does everything a script could tell of; gives how the callbacks were called. */
async function visit(one, address) {
  const { page } = one;
  await page.goto(address);
  await page.locator("#away").click();
  const answers = await page.evaluate(
    () =>
      new Promise((done) => {
        const called = [];
        headcount("Signup", {
          callback: (...given) => {
            called.push(given.length ? (given[0]?.status ?? "error") : "nothing");
            if (called.length == 2) done(called);
          },
        });
        setTimeout(() => done(called), 3000);
        setTimeout(() => {
          throw new TypeError("broken");
        });
        history.pushState(null, "", "/second");
        scrollTo(0, 1000);
      }),
  );
  await page.goto("about:blank");
  await sleep(150);
  return answers;
}

/** One browser on a site of its own, for which it is known what arrives. */
async function alone(browser, options, act) {
  const shop = await siteOf(() => ({ head: HEAD, body: BODY }), { "/x/": "/numbers/" });
  const one = await person(browser, options);
  const events = () => shop.asked.filter(({ body }) => body).map(({ body }) => `${body.n} ${body.d}`);
  await act(one, `http://a.shop.example:${shop.port}/page`, events, shop.asked);
  await one.context.close();
  shop.close();
}

/** A few at once: most of the time is waiting. */
async function each(list, act) {
  const left = Object.entries(list);
  const next = async () => {
    for (let one; (one = left.shift()); ) await act(...one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
}

/** Every kind of event that the pages can send. */
const ALL = [
  "Outbound Link: Click a.shop.example",
  "Signup a.shop.example",
  "Signup shop.example",
  "engagement a.shop.example",
  "engagement shop.example",
  "js_error shop.example",
  "pageview a.shop.example",
  "pageview shop.example",
  "web_vitals shop.example",
];

await run(async (browser) => {
  await each(SILENT, (name, before) =>
    alone(browser, { automation: before != null, before: before ?? "" }, async (one, address, events, asked) => {
      assert.deepEqual(await visit(one, address), ["nothing", "nothing"], `${name}: the callbacks`);
      const scripts = asked.filter(({ path }) => /^\/x\/[sfv]\.js$/.test(path)).length;
      assert.ok(scripts >= 3, `${name}: the scripts were not loaded`);
      assert.deepEqual(events(), [], name);
    }),
  );
  await each(COUNTED, (name, before) =>
    alone(browser, { before }, async (one, address, events) => {
      assert.deepEqual(await visit(one, address), [202, 202], `${name}: the callbacks`);
      await until(`${name}: every kind of event`, ALL, () => [...new Set(events())].sort());
    }),
  );

  // it is decided afresh for every event
  await alone(browser, {}, async ({ page }, address, events) => {
    await page.goto(address);
    const say = (name) => page.evaluate((name) => headcount(name), name);
    await page.evaluate(() => (window["ga-disable-G-1"] = true));
    await say("Hushed");
    await page.evaluate(() => (window["ga-disable-G-1"] = false));
    await say("Heard");
    const said = ["Heard a.shop.example", "Heard shop.example"];
    await until("only what came after", said, () => events().filter((one) => /^H/.test(one)).sort());
  });
});
