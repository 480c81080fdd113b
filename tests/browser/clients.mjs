/**
 * The clients that other tools publish, as npm has them, with nothing changed but the host: in a page
 * or in Node, as their readmes say. What they send becomes the rows that are expected.
 */
import { join } from "node:path";
import { Umami } from "@umami/node";
import { build } from "esbuild";
import MatomoTracker from "matomo-tracker";
import { difference, found, given, lines, person, run, siteOf, stored, until, USER_AGENT } from "./lib.mjs";

/** The ids that the site's settings list. */
const WEBSITE = "550e8400-e29b-41d4-a716-446655440000";
const MEASUREMENT = "G-CLIENT1";
/** These clients look for browsers that are driven by a program by themselves. */
const NO_ROBOT = "Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => false })";
/** A visitor of somebody's server. */
const VISITOR = { cip: "81.2.69.163", ua: USER_AGENT };

/** What pages import, and do with it. */
const IN_PAGES = {
  "/plausible-tracker": `import Plausible from "plausible-tracker";
    const { trackPageview, trackEvent } = Plausible({ domain: "shop.example", apiHost: "${given.url}" });
    trackPageview();
    trackEvent("Signup", { props: { plan: "pro" }, callback: () => { window.called = true } });`,
  "/plausible-analytics": `import { init, track } from "@plausible-analytics/tracker";
    init({ domain: "shop.example", endpoint: "${given.url}/api/event" });
    track("Signup", { props: { plan: "pro" }, revenue: { amount: 12.5, currency: "EUR" }, callback: () => { window.called = true } });`,
  "/react-ga4": `import ReactGA from "react-ga4";
    ReactGA.initialize("${MEASUREMENT}", { gtagUrl: "${given.url}/gtag/js", gaOptions: { userId: "somebody" } });
    ReactGA.event("sign_up", { plan: "pro", event_callback: () => { window.called = true } });`,
};
const EXPECTED = {
  "/plausible-tracker": ["pageview", "Signup {plan: pro}"],
  "/plausible-analytics": ["pageview", "Signup {plan: pro} 12.5 EUR"],
  "/react-ga4": ["pageview", "sign_up {plan: pro}"],
  "/node/umami": ["pageview", "Signup {plan: pro}"],
  "/node/matomo": ["pageview"],
  "/node/bulk": ["pageview", "Play {category: Videos, name: Boats, value: 3}"],
};

/** The code of a page with what it imports. */
async function bundled(code) {
  const resolveDir = join(import.meta.dirname, "..", "..");
  const made = await build({ stdin: { contents: code, resolveDir }, bundle: true, format: "iife", write: false });
  return made.outputFiles[0].text;
}

async function inPages(browser) {
  const scripts = Object.fromEntries(
    await Promise.all(Object.entries(IN_PAGES).map(async ([path, code]) => [`${path}.js`, { script: await bundled(code) }])),
  );
  const shop = await siteOf((path) => scripts[path] ?? { body: `<script src="${path}.js"></script>` });
  for (const path of Object.keys(IN_PAGES)) {
    const { page, context } = await person(browser, { before: NO_ROBOT });
    await page.goto(shop.origin + path);
    await page.waitForFunction("window.called", undefined, { timeout: 10_000 });
    await page.waitForLoadState("networkidle");
    await context.close();
  }
  shop.close();
}

async function inNode() {
  const umami = new Umami({ websiteId: WEBSITE, hostUrl: given.url, userAgent: USER_AGENT });
  const page = { hostname: "shop.example", url: "/node/umami", title: "Somebody's page", referrer: "" };
  for (const answer of [await umami.track(page), await umami.track({ ...page, name: "Signup", data: { plan: "pro" } })]) {
    if (answer.status !== 200) throw new Error(`Umami's client: ${answer.status} ${await answer.text()}`);
  }
  const known = await umami.identify({ plan: "pro" });
  if (known.status !== 200) throw new Error(`Umami's client: ${known.status} ${await known.text()}`);

  const matomo = new MatomoTracker(1, `${given.url}/matomo.php`);
  matomo.on("error", (error) => console.error("Matomo's client:", error));
  const common = { ...VISITOR, token_auth: given.key, action_name: "Somebody's page", uid: "somebody" };
  matomo.track({ ...common, url: "https://shop.example/node/matomo" });
  const url = "https://shop.example/node/bulk";
  const told = await new Promise((done) => {
    matomo.trackBulk([{ ...common, url }, { ...common, url, e_c: "Videos", e_a: "Play", e_n: "Boats", e_v: 3 }], done);
  });
  const { status, tracked, invalid } = JSON.parse(told);
  if (status !== "success" || tracked !== 2 || invalid !== 0) throw new Error(`Matomo's client: ${told}`);
}

await run(async (browser) => {
  await inPages(browser);
  await inNode();
  await until("the stored rows", { missing: [], unexpected: [] }, async () => difference(lines(EXPECTED), lines(await found())), 15_000);
  // the server named one visitor, with the browser that it said
  const named = "SELECT uniqExact(visitor) AS visitors, any(browser) AS browser, any(country) AS country FROM open_events WHERE path IN ('/node/matomo', '/node/bulk') AND visitor > 0";
  await until("the visitor of a server", [{ visitors: 1, browser: "Chrome", country: "GB" }], async () =>
    (await stored(named)).map((row) => ({ ...row, visitors: Number(row.visitors) })),
  );
});
