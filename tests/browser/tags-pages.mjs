/**
 * Pages that carry other tools' tags as their documentation has them, with nothing but the host changed:
 * what is on the page, what a visitor does there, and the rows that are expected (`name {property: value}
 * 12.5 EUR`; engagement aside). The paths say which tool.
 */
import assert from "node:assert/strict";
import { sleep } from "./lib.mjs";
import { edges, SOON } from "./tags-edges.mjs";

/** What tells people apart must not arrive; each of them holds this word. */
export const CANARY = "canary";
/** What must arrive, so that somebody would have seen the other. */
export const CONTROL = "KANARI";
/** Clicks and submissions stay on the page; ours has heard of them by then. */
const STAY = "<script>for (const type of ['click', 'auxclick', 'submit']) addEventListener(type, (event) => (type == 'submit' || event.target.closest('a')) && event.preventDefault())</script>";
const click = (...marks) => async (page) => {
  for (const mark of marks) await page.locator(mark).click();
};
const run = (code) => (page) => page.evaluate(code);
/** The callback of an event of Google's is called soon. */
const calledBack = async (page) => {
  const waited = await page.evaluate(async () => {
    const start = performance.now();
    await new Promise((event_callback) => gtag("event", "never", { event_callback }));
    return performance.now() - start;
  });
  assert.ok(waited < SOON, `called back after ${waited} ms`);
};

/** The pages, by path; `url` is headcount's. */
export function pages(url) {
  const host = url.replace(/^https?:/, "");
  /** Google's tag, then code of the page. */
  const gtag = (code = "", id = "G-TEST1", config = "") => `
    <script async src="${url}/gtag/js?id=${id}"></script>
    <script>
      window.dataLayer = window.dataLayer || [];
      function gtag(){dataLayer.push(arguments);}
      gtag('js', new Date());
      ${code}
      gtag('config', '${id}'${config});
    </script>`;
  const umami = (attributes = "", id = "94db1cb1-74f4-4a40-ad6c-962362670409") =>
    `<script defer src="${url}/script.js" data-website-id="${id}" ${attributes}></script>`;
  const matomo = (before = "", file = "matomo", id = "1") => `
    <script>
      var _paq = window._paq = window._paq || [];
      ${before}
      _paq.push(['trackPageView']);
      _paq.push(['enableLinkTracking']);
      (function() {
        var u="${host}/";
        _paq.push(['setTrackerUrl', u+'${file}.php']);
        _paq.push(['setSiteId', '${id}']);
        var d=document, g=d.createElement('script'), s=d.getElementsByTagName('script')[0];
        g.async=true; g.src=u+'${file}.js'; s.parentNode.insertBefore(g,s);
      })();
    </script>`;
  const goatcounter = (attributes = "") =>
    `<script data-goatcounter="${url}/count" ${attributes} async src="${host}/count.js"></script>`;
  const plausible = (file, attributes = "", domain = "shop.example") =>
    `<script defer data-domain="${domain}" ${attributes} src="${url}/js/${file}.js"></script>`;
  const stub = "<script>window.plausible = window.plausible || function() { (window.plausible.q = window.plausible.q || []).push(arguments) }</script>";
  const pa = (init = "") => `
    <script async src="${url}/js/pa-AbC_12.js"></script>
    <script>
      window.plausible=window.plausible||function(){(plausible.q=plausible.q||[]).push(arguments)},plausible.init=plausible.init||function(i){plausible.o=i||{}};
      plausible.init(${init})
    </script>`;

  return { ...google({ url, gtag }), ...others({ url, umami, matomo, goatcounter }), ...plausibles({ url, plausible, stub, pa }), ...together(), ...edges({ url, gtag, umami, matomo, goatcounter, pa }) };

  /** Several tags on one page. */
  function together() {
    const four = gtag() + umami() + matomo() + goatcounter();
    return {
      // of one site: one page view; what the page's code sends by each tool goes
      "/all/five": {
        head: four + plausible("script.outbound-links"),
        body: `<a id="away" href="https://elsewhere.example/a">away</a>${STAY}`,
        act: async (page) => {
          await page.waitForFunction("window.umami && window.Matomo && window.goatcounter?.count && window.plausible");
          await sleep(300);
          await page.locator("#away").click();
          await page.evaluate(() => {
            umami.track("Umami");
            _paq.push(["trackEvent", "All", "Matomo"]);
            goatcounter.count({ path: "Goat", event: true });
            gtag("event", "google");
            plausible("Plausible");
          });
        },
        // the link is the first tag's, under its name, if that tool counts links
        any: { "/all/five": [/^(click|Outbound Link: Click)/] },
        rows: { "/all/five": ["Goat", "Matomo {category: All}", "Plausible", "Umami", "google", "pageview"] },
      },
      // the first of them is Plausible's: what happens on the page is counted under its names, once
      "/all/first": {
        head: `<script data-domain="shop.example" src="${url}/js/script.outbound-links.js"></script>` + four,
        body: `<a id="away" href="https://elsewhere.example/a">away</a>${STAY}`,
        act: async (page) => {
          await page.waitForFunction("window.umami && window.Matomo && window.goatcounter?.count");
          await sleep(300);
          await page.locator("#away").click();
          await page.evaluate(() => history.pushState(null, "", "/all/first/2"));
        },
        rows: { "/all/first": ["Outbound Link: Click {url: https://elsewhere.example/a}", "pageview"], "/all/first/2": ["pageview"] },
      },
      "/all/own": { head: four + `<script defer data-domain="shop.example" src="${url}/js/script.js"></script>`, wait: 300, rows: { "/all/own": ["pageview"] } },
      "/all/twice": { head: umami() + umami() + matomo() + matomo() + gtag() + gtag(), wait: 300, rows: { "/all/twice": ["pageview"] } },
      // the older tool is still there
      "/all/beside": {
        head: `<script>
          window.umami = { track() {} };
        </script>` + umami() + umami(),
        act: (page) => page.evaluate(() => umami.track("theirs")),
        rows: { "/all/beside": ["pageview"] },
      },
      "/all/beside/goat": { head: `<script>window.goatcounter = { count() {} }</script>` + goatcounter() + goatcounter(), wait: 200, rows: { "/all/beside/goat": ["pageview"] } },
      "/all/beside/pa": { head: `<script>window.plausible = Object.assign(() => {}, { l: true, o: {}, init() {} })</script>` + pa() + pa(), wait: 200, rows: { "/all/beside/pa": ["pageview"] } },
      "/all/matomo": { head: matomo() + matomo(), wait: 200, rows: { "/all/matomo": ["pageview"] } },
      "/all/google": { head: gtag() + gtag(), wait: 200, rows: { "/all/google": ["pageview"] } },
      // of two sites: the id of one is listed for the other site than that of the page's host
      "/two": {
        host: "a.shop.example",
        head: gtag("", "G-OTHER") + umami(),
        wait: 300,
        rows: { "/two": ["pageview", "pageview"] },
      },
    };
  }
}

function google({ url, gtag }) {
  const tee = { item_id: "SKU_12345", item_name: "Stan and Friends Tee", affiliation: "Google Merchandise Store", index: 0, item_brand: "Google", price: 10.01, quantity: 3 };
  const shirt = { item_id: "SKU_12346", item_name: "Grey Tee", index: 1, price: 21.01, quantity: 2 };
  return {
    "/ga/shop": {
      head: gtag(),
      act: (page) =>
        page.evaluate(([tee, shirt]) => {
          gtag("event", "view_item", { currency: "USD", value: 30.03, items: [tee] });
          gtag("event", "add_to_cart", { currency: "USD", value: 30.03, items: [tee] });
          gtag("event", "begin_checkout", { currency: "USD", value: 72.05, coupon: "KANARI", items: [tee, shirt] });
          gtag("event", "purchase", { transaction_id: "T_canary_1", value: 72.05, tax: 3.6, shipping: 5.99, currency: "USD", coupon: "KANARI", items: [tee, shirt] });
          gtag("event", "refund", { currency: "USD", transaction_id: "T_canary_1", value: 30.03, items: [tee] });
        }, [tee, shirt]),
      rows: {
        "/ga/shop": [
          "add_to_cart {currency: USD, items: 1, value: 30.03}",
          "begin_checkout {coupon: KANARI, currency: USD, items: 2, value: 72.05}",
          "pageview",
          "purchase {coupon: KANARI, items: 2, shipping: 5.99, tax: 3.6} 72.05 USD",
          "refund {items: 1} -30.03 USD",
          "view_item {currency: USD, items: 1, value: 30.03}",
        ],
      },
    },
    // as a tag manager's data layer has it
    "/ga/layer": {
      head: gtag(),
      act: (page) =>
        page.evaluate(async () => {
          dataLayer.push({ ecommerce: null });
          dataLayer.push({ event: "gtm.click", plan: "none" });
          await new Promise((eventCallback) =>
            dataLayer.push({ event: "purchase", ecommerce: { transaction_id: "T1", value: "12.50", currency: "EUR", items: [{ item_id: "a" }] }, eventCallback }),
          );
        }),
      rows: { "/ga/layer": ["pageview", "purchase {items: 1} 12.5 EUR"] },
    },
    // who somebody is stays on the page
    "/ga/who": {
      head: gtag(
        "gtag('set', 'user_data', { email: 'canary@person.example' }); gtag('set', { user_id: 'canary-7', client_id: 'canary.1' }); gtag('set', 'user_properties', { crm: 'canary-5' });",
        "G-TEST1",
        ", { user_id: 'canary-user', client_id: 'canary.42', user_data: { email: 'canary@person.example', phone_number: '+canary' }, plan: 'gold' }",
      ),
      act: (page) =>
        page.evaluate(async () => {
          gtag("event", "sign_up", { method: "KANARI", user_id: "canary-user", client_id: "canary.42", session_id: "canary-1", user_data: { email: "canary" }, email: "canary@mail.example" });
          gtag("event", "labelled", { event_category: "video", event_label: "watched", send_to: "G-TEST1", non_interaction: true });
          const get = (name) => new Promise((told) => gtag("get", "G-TEST1", name, told));
          window.got = [await get("client_id"), await get("client_id"), await get("session_id"), await get("gclid"), await get("plan")];
        }),
      after: async (page) => {
        const [one, other, visit, click, plan] = await page.evaluate(() => window.got);
        assert.match(one, /^\d+\.\d+$/);
        assert.notEqual(one, other);
        assert.match(visit, /^\d+$/);
        assert.deepEqual([click, plan], ["", "gold"]);
      },
      rows: { "/ga/who": ["labelled {event_category: video, event_label: watched, plan: gold}", "pageview {plan: gold}", "sign_up {method: KANARI, plan: gold}"] },
    },
    // moves, and a router that says itself what it moved to
    "/ga/app": {
      head: gtag("", "G-TEST1", ", { page_title: 'x' }") + "<script>gtag('config', 'G-TEST2', { send_page_view: false, groups: 'quiet' })</script>",
      act: async (page) => {
        await page.waitForFunction("window.dataLayer.push != Array.prototype.push");
        await page.evaluate(() => {
          history.pushState(null, "", "/ga/app/2");
          gtag("config", "G-TEST1", { page_path: "/ga/app/2" });
          gtag("event", "page_view", { page_path: "/ga/app/3", send_to: "G-TEST1" });
          history.replaceState(null, "", "/ga/app/3");
          gtag("event", "nowhere", { send_to: "AW-1234/abc" });
        });
      },
      rows: { "/ga/app": ["pageview"], "/ga/app/2": ["pageview"], "/ga/app/3": ["pageview"] },
    },
    "/ga/automatic": {
      open: "/ga/automatic?q=red+boats",
      head: gtag(),
      body: `<p style="height:3000px">long</p><a id="away" href="https://elsewhere.example/a?x=1">away</a> <a id="pdf" href="/f/a.pdf">pdf</a>
        <form><input id="text"><button id="send">send</button></form>${STAY}`,
      act: async (page) => {
        await page.waitForFunction("window.dataLayer.push != Array.prototype.push");
        await page.locator("#text").fill("nothing of this");
        await click("#away", "#pdf", "#send")(page);
        await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
        await sleep(100);
      },
      rows: {
        "/ga/automatic": [
          "click {link_domain: elsewhere.example, link_url: https://elsewhere.example/a, outbound: true}",
          "file_download {file_extension: pdf, file_name: /f/a.pdf, link_url: http://shop.example/f/a.pdf}",
          "form_start",
          "form_submit",
          "pageview",
          "scroll {percent_scrolled: 90}",
          "view_search_results {search_term: red boats}",
        ],
      },
    },
    // what was said before a no is forgotten; callbacks are called
    "/ga/refused": {
      head: gtag("gtag('consent', 'default', { ad_storage: 'denied', analytics_storage: 'denied', wait_for_update: 500 });"),
      act: async (page) => {
        const waited = await page.evaluate(async () => {
          const start = performance.now();
          const called = (name) => new Promise((event_callback) => gtag("event", name, { event_callback }));
          const early = called("early");
          gtag("consent", "update", { analytics_storage: "denied" });
          await called("late");
          history.pushState(null, "", "/ga/refused/2");
          await early;
          return performance.now() - start;
        });
        assert.ok(waited < SOON, `called back after ${waited} ms`);
      },
      silent: true,
    },
    "/ga/granted": {
      head: gtag("gtag('consent', 'default', { analytics_storage: 'denied' });"),
      act: async (page) => {
        await page.evaluate(() => gtag("event", "early"));
        await sleep(300);
        await page.evaluate(() => {
          window.before = performance.getEntriesByType("resource").filter(({ name }) => /api/.test(name)).length;
          gtag("consent", "update", { ad_storage: "denied", analytics_storage: "granted" });
        });
      },
      after: async (page) => assert.equal(await page.evaluate(() => window.before), 0),
      rows: { "/ga/granted": ["early", "pageview"] },
    },
    "/ga/late": {
      head: gtag("gtag('consent', 'default', { analytics_storage: 'granted', wait_for_update: 400 });"),
      act: async (page) => {
        const times = () =>
          page.evaluate(() => {
            const [file, event] = [/gtag/, /api.event/].map((one) => performance.getEntriesByType("resource").find(({ name }) => one.test(name)));
            return event && event.startTime - file.responseEnd;
          });
        while ((await times()) == null) await sleep(50);
        assert.ok((await times()) >= 400, `sent after ${await times()} ms`);
      },
      rows: { "/ga/late": ["pageview"] },
    },
    "/ga/disabled": {
      head: "<script>window['ga-disable-G-TEST1'] = true</script>" + gtag(),
      act: calledBack,
      silent: true,
    },
    // whoever blocks us does not keep the page from going on
    "/ga/blocked": {
      head: gtag(),
      route: "**/api/event",
      act: calledBack,
    },
    "/ga/old": {
      head: `<script>
        (function(i,s,o,g,r,a,m){i['GoogleAnalyticsObject']=r;i[r]=i[r]||function(){
        (i[r].q=i[r].q||[]).push(arguments)},i[r].l=1*new Date();a=s.createElement(o),
        m=s.getElementsByTagName(o)[0];a.async=1;a.src=g;m.parentNode.insertBefore(a,m)
        })(window,document,'script','${url}/analytics.js','ga');
        ga('create', 'UA-1234-1', 'auto', { userId: 'canary-ua' });
        ga('send', 'pageview');
      </script>`,
      act: async (page) => {
        await page.evaluate(() => {
          ga("set", "page", "/ga/old/2");
          ga("send", "pageview");
          return new Promise((hitCallback) => ga("send", "event", "video", "play", "trailer", 42, { hitCallback }));
        });
      },
      rows: { "/ga/old": ["pageview"], "/ga/old/2": ["pageview", "play {event_category: video, event_label: trailer, value: 42}"] },
    },
    "/ga/older": {
      head: `<script>
        var _gaq = _gaq || [];
        _gaq.push(['_setAccount', 'UA-1234-1']);
        _gaq.push(['_trackPageview']);
        (function() {
          var ga = document.createElement('script'); ga.type = 'text/javascript'; ga.async = true; ga.src = '${url}/ga.js';
          var s = document.getElementsByTagName('script')[0]; s.parentNode.insertBefore(ga, s);
        })();
      </script>`,
      act: run(() => void _gaq.push(["_trackEvent", "video", "stop"])),
      rows: { "/ga/older": ["pageview", "stop {event_category: video}"] },
    },
  };
}

function others({ url, umami, matomo, goatcounter }) {
  return {
    "/umami": {
      head: umami(`data-tag="blue"`),
      body: `<button id="buy" data-umami-event="Buy" data-umami-event-plan="gold">buy</button>`,
      act: async (page) => {
        await page.locator("#buy").click();
        await page.evaluate(async () => {
          umami.identify("canary-distinct", { email: "canary@person.example" });
          await umami.track("signup", { plan: "KANARI", a: { b: 1 } });
          await umami.track("paid", { revenue: 19.99, currency: "USD" });
          await umami.track((props) => ({ ...props, url: "/umami/virtual", title: "x", id: "canary-distinct" }));
          history.replaceState(null, "", "/umami/2");
          history.pushState(null, "", "/umami/2?page=2");
        });
      },
      rows: {
        "/umami": ["Buy {plan: gold, tag: blue}", "pageview {tag: blue}", "paid {tag: blue} 19.99 USD", "signup {a.b: 1, plan: KANARI, tag: blue}"],
        "/umami/virtual": ["pageview {tag: blue}"],
        "/umami/2": ["pageview {tag: blue}"],
      },
    },
    "/umami/secret": {
      head: `<script>function hook(type, payload) { return payload.name == "Drop" ? null : { ...payload, url: payload.url.replace("secret", "public") } }</script>` + umami(`data-before-send="hook"`),
      act: run(async () => (await umami.track("Drop"), await umami.track("Kept"))),
      rows: { "/umami/public": ["Kept", "pageview"] },
    },
    "/umami/manual": {
      head: umami(`data-auto-track="false" data-host-url="${url}"`),
      act: run(() => umami.track()),
      rows: { "/umami/manual": ["pageview"] },
    },
    "/umami/vitals": {
      head: umami(`data-performance="true"`),
      act: (page) => page.waitForFunction("window.__headcount_vitals"),
      after: async (page) => assert.deepEqual(Object.keys(await page.evaluate(() => window.__headcount_vitals)), ["umami:94db1cb1-74f4-4a40-ad6c-962362670409"]),
      rows: { "/umami/vitals": ["pageview"] },
    },
    "/umami/elsewhere": { head: umami(`data-domains="other.example, www.other.example"`), act: run(() => umami.track("never")), silent: true },
    "/umami/disabled": { head: `<script>localStorage.setItem("umami.disabled", "1")</script>` + umami(), act: run(() => umami.track("never")), silent: true },

    "/matomo": {
      head: matomo("_paq.push(['setCustomDimension', 1, 'red']); _paq.push(['setUserId', 'canary-user']); _paq.push([function () { window.tracker = this }]);"),
      body: `<a id="away" href="https://elsewhere.example/a?x=1">away</a> <a id="pdf" href="/f/a.pdf">pdf</a>${STAY}`,
      act: async (page) => {
        await page.waitForFunction("window.Matomo");
        await click("#away", "#pdf")(page);
        await page.evaluate(() => {
          _paq.push(["trackEvent", "Video", "Play", "Trailer", 3]);
          _paq.push(["trackGoal", 7, 5]);
          _paq.push(["trackSiteSearch", "boats", false, 0]);
          _paq.push(["addEcommerceItem", "sku1", "Boat", ["Boats"], 12.5, 1]);
          _paq.push(["trackEcommerceCartUpdate", 12.5]);
          _paq.push(["setCurrency", "EUR"]);
          _paq.push(["trackEcommerceOrder", "T-canary", 12.5, 10]);
          _paq.push(["deleteCustomDimension", 1]);
          _paq.push(["setCustomUrl", "/matomo/2"]);
          _paq.push(["setEcommerceView", "sku1", "Boat", "Boats", 12.5]);
          _paq.push(["trackPageView", "A title"]);
          _paq.push(["neverHeardOf", 1], ["Other::verb"]);
          window.id = [tracker.getVisitorId(), tracker.getVisitorId(), Matomo.getAsyncTracker().unheard()];
        });
      },
      after: async (page) => {
        const [one, other] = await page.evaluate(() => window.id);
        assert.match(one, /^[0-9a-f]{16}$/);
        assert.notEqual(one, other);
      },
      rows: {
        "/matomo": [
          "Ecommerce Cart Update {dimension1: red, items: 1, revenue: 12.5}",
          "Ecommerce Order {dimension1: red, items: 1} 12.5 EUR",
          "File Download {url: http://shop.example/f/a.pdf}",
          "Goal 7 {dimension1: red, revenue: 5}",
          "Outbound Link: Click {url: https://elsewhere.example/a}",
          "Play {category: Video, dimension1: red, name: Trailer, value: 3}",
          "pageview {dimension1: red}",
          "view_search_results {dimension1: red, results: 0, search_term: boats}",
        ],
        "/matomo/2": ["Product View {category: Boats, name: Boat, price: 12.5, sku: sku1}", "pageview"],
      },
    },
    "/matomo/consent": { head: matomo("_paq.push(['requireConsent']);"), act: run(() => void _paq.push(["trackEvent", "a", "b"], ["forgetConsentGiven"])), wait: 300, silent: true },
    "/matomo/given": { head: matomo("_paq.push(['requireConsent']);", "piwik"), act: run(() => void _paq.push(["rememberConsentGiven"])), rows: { "/matomo/given": ["pageview"] } },
    "/matomo/out": { head: matomo("_paq.push(['optUserOut']);"), act: run(() => void _paq.push(["trackEvent", "a", "b"])), wait: 300, silent: true },
    // the oldest snippet
    "/matomo/sync": {
      head: `<script src="${url}/piwik.js"></script><script>
        try { var piwikTracker = Piwik.getTracker("${url}/piwik.php", 1); piwikTracker.trackPageView(); piwikTracker.enableLinkTracking(); } catch (err) { console.error(err) }
      </script>`,
      rows: { "/matomo/sync": ["pageview"] },
    },

    "/goat": {
      head: goatcounter(),
      body: `<button id="one" data-goatcounter-click="buy" data-goatcounter-title="x">one</button>`,
      act: async (page) => {
        await page.waitForFunction("window.goatcounter?.count");
        await page.locator("#one").click();
        await page.evaluate(() => {
          goatcounter.count({ path: (path) => "/goat-" + path.slice(1), title: "x" });
          goatcounter.count({ path: () => null });
          window.told = [goatcounter.filter(), goatcounter.get_query("x") ?? null, goatcounter.get_data().p, new URL(goatcounter.url()).pathname];
        });
      },
      after: async (page) => assert.deepEqual(await page.evaluate(() => window.told), [false, null, "/goat", "/count"]),
      rows: { "/goat": ["buy", "pageview"], "/goat-goat": ["pageview"] },
    },
    "/goat/canonical/x": { head: `<link rel="canonical" href="http://www.shop.example/goat/canonical">` + goatcounter(), rows: { "/goat/canonical": ["pageview"] } },
    "/goat/quiet": { head: goatcounter(`data-goatcounter-settings='{"no_onload": true}'`), wait: 200, silent: true },
    "/goat/page": {
      head: `<script>window.goatcounter = { path: (path) => "custom" + path, no_events: true }</script>` + goatcounter(),
      rows: { "/custom/goat/page": ["pageview"] },
    },
    "/liwan": { head: `<script defer type="text/javascript" data-entity="shop.example" src="${url}/script.js"></script>`, act: run(() => history.pushState(null, "", "/liwan/2")), rows: { "/liwan": ["pageview"], "/liwan/2": ["pageview"] } },
    "/rybbit": {
      head: `<script src="${url}/api/script.js" data-site-id="1" defer></script>`,
      act: run(() => {
        rybbit.event("Signup", { plan: "gold" });
        rybbit.identify("canary-user");
      }),
      rows: { "/rybbit": ["Signup {plan: gold}", "pageview"] },
    },
  };
}

function plausibles({ url, plausible, stub, pa }) {
  const links = `<a id="away" href="https://elsewhere.example/a">away</a> <a id="pdf" href="/f/a.pdf">pdf</a> <a id="xyz" href="/f/a.xyz">xyz</a>
    <button id="mark" class="plausible-event-name=Mark plausible-revenue-amount=5 plausible-revenue-currency=EUR">mark</button><form><button id="send">send</button></form>${STAY}`;
  const all = click("#away", "#pdf", "#xyz", "#mark", "#send");
  return {
    "/pl/plain": { head: stub + plausible("plausible", `event-author="A" data-exclude="/pl/*"`), body: links, act: all, rows: { "/pl/plain": ["pageview"] } },
    "/pl/links": {
      head: plausible("script.file-downloads.outbound-links.pageview-props", `event-author="A" file-types="xyz"`),
      body: links,
      act: all,
      rows: {
        "/pl/links": [
          "File Download {author: A, url: http://shop.example/f/a.xyz}",
          "Outbound Link: Click {author: A, url: https://elsewhere.example/a}",
          "pageview {author: A}",
        ],
      },
    },
    "/pl/marks": { head: plausible("script.tagged-events"), body: links, act: click("#mark"), rows: { "/pl/marks": ["Mark", "pageview"] } },
    "/pl/money": { head: plausible("script.revenue.tagged-events"), body: links, act: click("#mark"), rows: { "/pl/money": ["Mark 5 EUR", "pageview"] } },
    "/pl/manual": {
      head: stub + plausible("script.manual", `data-api="${url}/api/event"`) + "<script>plausible('pageview', { u: location.origin + '/pl/manual/own' })</script>",
      act: async (page) => {
        await page.evaluate(async () => {
          const answer = (name, options) => new Promise((callback) => plausible(name, { ...options, callback }));
          window.answer = await answer("Asked", { props: { plan: "KANARI" } });
        });
      },
      after: async (page) => assert.deepEqual(await page.evaluate(() => window.answer), { status: 202 }),
      rows: { "/pl/manual/own": ["pageview"], "/pl/manual": ["Asked {plan: KANARI}"] },
    },
    "/pl/hash": {
      open: "/pl/hash#/one",
      head: plausible("script.hash"),
      act: async (page) => {
        await page.evaluate(() => (location.hash = "#/two"));
        await sleep(100);
      },
      rows: { "/pl/hash#/one": ["pageview"], "/pl/hash#/two": ["pageview"] },
    },
    "/pl/left/out": { head: plausible("script.exclusions", `data-exclude="/pl/left/*"`), wait: 200, silent: true },
    "/pl/compat": { head: `<script defer id="plausible" data-domain="shop.example" src="${url}/js/plausible.compat.js"></script>`, rows: { "/pl/compat": ["pageview"] } },
    "/pl/two": { host: "a.shop.example", sent: 1, head: plausible("script.outbound-links", "", "shop.example,a.shop.example"), rows: { "/pl/two": ["pageview", "pageview"] } },
    "/script/own": { head: `<script defer data-domain="shop.example" data-prop-author="B" src="${url}/script.js"></script>`, act: run(() => headcount("Own")), rows: { "/script/own": ["Own {author: B}", "pageview {author: B}"] } },

    "/pa": {
      head: pa(),
      body: links,
      act: async (page) => {
        await page.waitForFunction("window.plausible.l");
        await click("#away", "#pdf", "#send")(page);
        await page.evaluate(() => {
          history.pushState(null, "", "/pa/2");
          plausible("Bought", { revenue: { amount: 3, currency: "EUR" }, interactive: false });
        });
      },
      rows: {
        "/pa": ["File Download {url: http://shop.example/f/a.pdf}", "Form: Submission", "Outbound Link: Click {url: https://elsewhere.example/a}", "pageview"],
        "/pa/2": ["Bought 3 EUR", "pageview"],
      },
    },
    "/pa/secret": {
      head: pa(`{ outboundLinks: false, formSubmissions: false, fileDownloads: { fileExtensions: ["xyz"] }, logging: false,
        customProperties: (name) => ({ kind: name == "pageview" ? "page" : "event" }),
        transformRequest: (payload) => (payload.n == "Drop" ? null : { ...payload, u: payload.u.replace("secret", "public") }) }`),
      body: links,
      act: async (page) => {
        await page.waitForFunction("window.plausible.l");
        await click("#away", "#pdf", "#xyz", "#send")(page);
        await page.evaluate(() => (plausible("Drop"), plausible("Kept")));
      },
      rows: { "/pa/public": ["File Download {kind: event, url: http://shop.example/f/a.xyz}", "Kept {kind: event}", "pageview {kind: page}"] },
    },
    "/pa/manual": { head: pa("{ autoCapturePageviews: false, domain: 'shop.example' }"), wait: 200, act: run(() => void plausible("Own")), rows: { "/pa/manual": ["Own"] } },
  };
}
