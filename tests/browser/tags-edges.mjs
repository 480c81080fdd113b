/**
 * More pages for `tags.mjs`, on which tags meet what they were not written for: two names of one site,
 * a no that becomes a yes, names and amounts that are none, addresses that cannot be read.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { sleep } from "./lib.mjs";

/** What waits for a callback hears from us well before the timer that calls it in any case (milliseconds). */
export const SOON = 1_000;
const listed = JSON.parse(readFileSync(new URL("ga4-params.json", import.meta.url), "utf8"));
/** Where a campaign must arrive that the page names otherwise than in its address. */
export const CAMPAIGNS = { "/edge/campaign": ["news", "email", "spring"], "/edge/goat": ["news", "", ""], "/edge/goat/2": ["news", "", ""] };

/** Code of a page, run there. */
const run = (code) => (page) => page.evaluate(code);
const replaced = (page) => page.waitForFunction("window.dataLayer.push != Array.prototype.push");
/** As after Back, when the browser kept the page. */
const back = run(() => void dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));

export function edges(tags) {
  return { ...names(tags), ...wishes(tags), ...told(tags) };
}

/** Several names, and which of them are one site. */
function names({ url, gtag, umami, pa }) {
  const own = (file) => `<script defer data-domain="shop.example" src="${url}/js/${file}.js"></script>`;
  const mark = `<button id="mark" class="plausible-event-name=Mark">mark</button>`;
  const buy = (page) => page.evaluate(() => gtag("event", "purchase", { value: 5, currency: "EUR" }));
  const click = async (page) => {
    await page.waitForFunction("window.plausible.l");
    await page.locator("#mark").click();
  };
  const sync = `<script>window.dataLayer = []; function gtag(){dataLayer.push(arguments);} gtag('config', 'G-TEST1');</script><script src="${url}/gtag/js?id=G-TEST1"></script>`;
  return {
    "/edge/ids": { head: gtag("gtag('config', 'UA-1234');"), act: buy, wait: 200, rows: { "/edge/ids": ["pageview", "purchase 5 EUR"] } },
    "/edge/ids/unlike": {
      head: gtag("gtag('config', 'UA-1234', { plan: 'gold' });"),
      act: buy,
      wait: 300,
      rows: { "/edge/ids/unlike": ["pageview {plan: gold}", "purchase {plan: gold} 5 EUR"] },
    },
    "/edge/ids/two": {
      host: "a.shop.example",
      sent: 3,
      head: gtag("gtag('config', 'G-OTHER');"),
      act: buy,
      wait: 200,
      rows: { "/edge/ids/two": ["pageview", "pageview", "purchase 5 EUR", "purchase 5 EUR"] },
    },
    "/edge/both": {
      head: own("script") + pa() + "<script>plausible('Queued')</script>",
      act: async (page) => {
        await page.waitForFunction("window.plausible.l");
        await page.evaluate(() => (plausible("Theirs"), headcount("Ours")));
      },
      wait: 300,
      rows: { "/edge/both": ["Ours", "Queued", "Theirs", "pageview"] },
    },
    "/edge/both/marks": { head: own("full") + pa(), body: mark, act: click, wait: 300, rows: { "/edge/both/marks": ["Mark", "pageview"] } },
    // `script.js` knows no marks
    "/edge/both/plain": { head: own("script") + pa(), body: mark, act: click, wait: 300, rows: { "/edge/both/plain": ["Mark", "pageview"] } },
    // ours stands further down than where another tag's script runs
    "/edge/below": { head: sync, body: own("script"), wait: 300, rows: { "/edge/below": ["pageview"] } },
    "/edge/beside": { head: sync + umami(), wait: 300, rows: { "/edge/beside": ["pageview"] } },
  };
}

/** Consent, and pages that come back. */
function wishes({ url, gtag, umami, matomo, goatcounter }) {
  const no = `<script>window.dataLayer = []; function gtag(){dataLayer.push(arguments);}
    gtag('consent', 'default', { analytics_storage: 'denied' }); gtag('consent', 'update', { analytics_storage: 'denied' });
    gtag('config', 'G-TEST1');</script><script src="${url}/gtag/js?id=G-TEST1"></script>`;
  return {
    // who was refused does not count, and keeps nobody else from it
    "/edge/refused": { head: no + umami(), wait: 300, rows: { "/edge/refused": ["pageview"] } },
    "/edge/granted": {
      head: no,
      act: run(() => {
        gtag("event", "never");
        history.pushState(null, "", "/edge/granted/2");
        gtag("consent", "update", { analytics_storage: "granted" });
        gtag("consent", "update", { analytics_storage: "granted" });
      }),
      wait: 200,
      rows: { "/edge/granted/2": ["pageview"] },
    },
    "/edge/forgotten": {
      head: matomo(),
      act: async (page) => {
        await page.waitForFunction("window.Matomo");
        await page.evaluate(() => void _paq.push(["forgetConsentGiven"], ["trackEvent", "a", "b"]));
      },
      wait: 200,
      rows: { "/edge/forgotten": ["pageview"] },
    },
    "/edge/forgotten/call": {
      head: matomo("_paq.push(['requireConsent']);"),
      act: async (page) => {
        await page.waitForFunction("window.Matomo");
        await page.evaluate(
          (soon) =>
            new Promise((called, late) => {
              _paq.push(["trackEvent", "a", "b", "", 0, {}, called], ["forgetConsentGiven"]);
              setTimeout(() => late(Error("not called")), soon);
            }),
          SOON,
        );
      },
      silent: true,
    },
    "/edge/call": {
      head: gtag("", "G-TEST1", ", { event_callback: () => { window.called = (window.called || 0) + 1 } }"),
      act: (page) => page.waitForFunction("window.called", undefined, { timeout: SOON }),
      after: async (page) => assert.equal(await page.evaluate(() => window.called), 1),
      rows: { "/edge/call": ["pageview"] },
    },
    "/edge/back": {
      head: matomo(),
      act: async (page) => (await page.waitForFunction("window.Matomo"), await sleep(50), await back(page)),
      rows: { "/edge/back": ["pageview", "pageview"] },
    },
    "/edge/back/goat": {
      head: goatcounter(),
      act: async (page) => (await page.waitForFunction("window.goatcounter?.count"), await sleep(50), await back(page)),
      rows: { "/edge/back/goat": ["pageview", "pageview"] },
    },
  };
}

/** What is told of an event, and what is none. */
function told({ url, gtag, umami, matomo, goatcounter }) {
  const canonical = (path) => `<link rel="canonical" href="http://shop.example${path}">`;
  return {
    "/edge/router": {
      head: gtag("", "G-TEST1", ", { send_page_view: false }"),
      act: async (page) => {
        await replaced(page);
        await page.evaluate(() => {
          gtag("config", "G-TEST1", { page_path: "/edge/router/1" });
          history.pushState(null, "", "/edge/router/2");
          gtag("config", "G-TEST1", { page_path: "/edge/router/b" });
        });
      },
      wait: 200,
      rows: { "/edge/router/1": ["pageview"], "/edge/router/b": ["pageview"] },
    },
    // the same list is the server's: src/ingest/adapters/ga4/event.rs
    "/edge/params": {
      head: gtag("gtag('set', { uid: 'canary-7', user_location: 'canary' });"),
      act: (page) =>
        page.evaluate(
          (names) => gtag("event", "steered", { ...Object.fromEntries(names.map((name) => [name, "canary"])), method: "KANARI" }),
          listed["of the sender"],
        ),
      rows: { "/edge/params": ["pageview", "steered {method: KANARI}"] },
    },
    "/edge/campaign": {
      head: gtag("gtag('set', { campaign_source: 'news', campaign_medium: 'email' });", "G-TEST1", ", { campaign_name: 'spring', campaign_id: 'canary' }"),
      rows: { "/edge/campaign": ["pageview"] },
    },
    "/edge/passive": {
      head: gtag(),
      act: run(() => ["view_item_list", "view_promotion", "view_search_results", "scroll"].forEach((name) => gtag("event", name))),
      rows: { "/edge/passive": ["pageview", "scroll", "view_item_list", "view_promotion", "view_search_results"] },
    },
    "/edge/names": {
      head: gtag() + umami() + matomo() + goatcounter(),
      act: async (page) => {
        await page.waitForFunction("window.umami && window.Matomo && window.goatcounter?.count");
        await page.evaluate(() => {
          gtag("event", "pageview");
          gtag("event");
          umami.track("pageview");
          _paq.push(["trackEvent", "x", "pageview"], ["trackEvent", "x"], ["trackEvent", "", "y"]);
          goatcounter.count({ path: "/pageview", event: true });
        });
      },
      wait: 400,
      rows: { "/edge/names": ["pageview"] },
    },
    "/edge/names/old": {
      head: `<script>window.ga = function () { (ga.q = ga.q || []).push(arguments) }; ga('create', 'UA-1', 'auto'); ga('send', 'event', 'video'); ga('send', 'pageview')</script><script src="${url}/analytics.js"></script>`,
      wait: 200,
      rows: { "/edge/names/old": ["pageview"] },
    },
    "/edge/money": {
      head: gtag() + umami(),
      act: async (page) => {
        await page.waitForFunction("window.umami");
        await page.evaluate(() => {
          gtag("event", "purchase", { value: 5, currency: "EURO" });
          gtag("event", "refund", { value: "7.5", currency: "eur" });
          umami.track("paid", { revenue: 3, currency: "euros" });
        });
      },
      wait: 200,
      rows: { "/edge/money": ["pageview", "paid {currency: euros, revenue: 3}", "purchase {currency: EURO, value: 5}", "refund -7.5 EUR"] },
    },
    "/edge/goat": { open: "/edge/goat?utm_source=news&x=canary", head: canonical("/edge/goat") + goatcounter(), rows: { "/edge/goat": ["pageview"] } },
    "/edge/goat/2": { open: "/edge/goat/2?utm_source=news", head: canonical("/edge/goat/2?page=2") + goatcounter(), rows: { "/edge/goat/2": ["pageview"] } },
    // a script that never comes keeps the page from being parsed, and not from being counted: when it is left, or in time
    "/edge/hangs": {
      head: gtag() + `<script src="/edge/hangs.js"></script>`,
      hangs: "**/edge/hangs.js",
      rows: { "/edge/hangs": ["pageview"] },
    },
    // what cannot be read breaks nothing on the page
    "/edge/unreadable": {
      head: gtag() + umami(`data-host-url="http://["`) + `<script data-goatcounter="https://[" async src="${url}/count.js"></script>`,
      act: async (page) => {
        await page.waitForFunction("window.umami && window.goatcounter?.count");
        await page.evaluate(() => ["change", "click", "submit"].forEach((type) => document.dispatchEvent(new Event(type))));
      },
      wait: 300,
      rows: { "/edge/unreadable": ["pageview"] },
    },
  };
}
