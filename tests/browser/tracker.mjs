/**
 * Everything that `script.js` and `full.js` can count, each on a page of its own, compared with the
 * rows that are stored. A page says what is to be on it, what a visitor does there, and what is
 * expected: rows as `name`, `name {"property":"value"}` or `name 12.5 EUR`.
 */
import assert from "node:assert/strict";
import { collected, difference, found, given, lines, person, run, siteOf, sleep, stored, tag, until } from "./lib.mjs";

const full = (attributes, domain) => tag("/js/full.js", attributes, domain);
const core = (attributes, domain) => tag("/js/script.js", attributes, domain);
/** Clicks and submissions stay on the page; ours has heard of them by then. */
const STAY = "<script>for (const type of ['click', 'auxclick', 'submit']) addEventListener(type, (event) => (type == 'submit' || event.target.closest('a')) && event.preventDefault())</script>";
const click = (...marks) => async (page) => {
  for (const mark of marks) await page.locator(mark).click();
};
const push = (path) => (page) => page.evaluate((path) => history.pushState(null, "", path), path);

const PAGES = {
  // what both scripts do
  "/core": {
    head: core() + core(),
    body: `<a id="away" href="http://elsewhere.example/">away</a>${STAY}`,
    act: click("#away"),
    rows: { "/core": ["pageview"] },
  },
  "/queued": {
    head: `<script>window.plausible = window.plausible || function () { (plausible.q = plausible.q || []).push(arguments) };
      plausible("Early", { props: { when: "before" } })</script>${core()}`,
    act: (page) => page.evaluate(() => plausible("Late", { revenue: { amount: "12.50", currency: "EUR" } })),
    rows: { "/queued": ["Early {when: before}", "Late 12.5 EUR", "pageview"] },
  },
  // a stub that was never called is a stub all the same, and nobody else's function is taken over
  "/stub": {
    head: `<script>window.headcount = function () { (headcount.q = headcount.q || []).push(arguments) };
      window.plausible = function theirs() { window.heard = 1 }</script>${core()}`,
    act: (page) => page.evaluate(() => (headcount("Ours"), plausible("Theirs"))),
    rows: { "/stub": ["Ours", "pageview"] },
  },
  "/history": {
    head: full(),
    act: async (page) => {
      await push("/history/2")(page);
      await page.evaluate(() => history.back());
      await page.waitForURL("**/history");
    },
    rows: { "/history": ["pageview", "pageview"], "/history/2": ["pageview"] },
  },

  // links, files, forms
  "/outbound": {
    head: full(),
    body: `<a id="away" href="http://u:p@elsewhere.example/a/b?secret=1#x"><b>away</b></a>
      <a id="middle" href="https://elsewhere.example/middle">middle</a>
      <a id="near" href="/near">near</a> <a id="mail" href="mailto:a@b.example">mail</a>${STAY}`,
    act: async (page) => {
      await click("#away b", "#near", "#mail")(page);
      await page.locator("#middle").click({ button: "middle" });
      await page.locator("#middle").click({ button: "right" });
    },
    rows: {
      "/outbound": [
        "Outbound Link: Click {url: http://elsewhere.example/a/b}",
        "Outbound Link: Click {url: https://elsewhere.example/middle}",
        "pageview",
      ],
    },
  },
  // the page is left at once, and the event arrives
  "/leave": {
    head: full(),
    body: `<a id="away" href="//b.shop.example:PORT/elsewhere">away</a>`,
    act: async (page) => {
      await page.locator("#away").click();
      await page.waitForURL("**/elsewhere");
    },
    rows: { "/leave": ["Outbound Link: Click {url: http://b.shop.example/elsewhere}", "pageview"] },
  },
  "/elsewhere": {},
  "/files": {
    head: full(),
    body: `<a id="pdf" href="/f/Report.PDF?key=1">pdf</a> <a id="page" href="/f/page.html">page</a>${STAY}`,
    act: click("#pdf", "#page"),
    rows: { "/files": ["File Download {url: http://shop.example/f/Report.PDF}", "pageview"] },
  },
  "/files/other": {
    head: full(`data-file-types="xyz, abc" data-add-file-types="epub"`),
    body: `<a id="pdf" href="/f/a.pdf">1</a> <a id="xyz" href="/f/a.xyz">2</a> <a id="epub" href="/f/a.epub">3</a>${STAY}`,
    act: click("#pdf", "#xyz", "#epub"),
    rows: {
      "/files/other": ["File Download {url: http://shop.example/f/a.epub}", "File Download {url: http://shop.example/f/a.xyz}", "pageview"],
    },
  },
  "/files/more": {
    head: full(`add-file-types="epub"`),
    body: `<a id="pdf" href="/f/a.pdf">1</a> <a id="epub" href="/f/a.epub">3</a>${STAY}`,
    act: click("#pdf", "#epub"),
    rows: { "/files/more": ["File Download {url: http://shop.example/f/a.epub}", "File Download {url: http://shop.example/f/a.pdf}", "pageview"] },
  },
  "/form": {
    head: full(),
    body: `<form><input name="secret" value="hidden"><button id="send">send</button></form>${STAY}`,
    act: click("#send"),
    rows: { "/form": ["Form: Submission", "pageview"] },
  },
  "/off": {
    head: full(`data-off="outbound downloads forms tagged"`),
    body: `<a id="away" href="https://elsewhere.example/">1</a> <a id="pdf" href="/f/a.pdf">2</a>
      <button id="mark" class="plausible-event-name=Mark">3</button><form><button id="send">4</button></form>${STAY}`,
    act: click("#away", "#pdf", "#mark", "#send"),
    rows: { "/off": ["pageview"] },
  },

  // pages that are not there
  "/lost": { head: full("data-404"), rows: { "/lost": ["404", "pageview"] } },
  "/lost/too": {
    head: `<script>window.headcount = window.headcount || function () { (headcount.q = headcount.q || []).push(arguments) };
      headcount("404")</script>${full()}`,
    rows: { "/lost/too": ["404", "pageview"] },
  },

  // marked elements
  "/marks": {
    head: full(),
    body: `<button id="one" class="big plausible-event-name=Sign+up plausible-event-plan=gold+one">1</button>
      <div class="plausible-event-name--Deep"><p><i><b id="three">3 above</b></i></p></div>
      <div class="plausible-event-name=TooDeep"><p><i><b><u id="four">4 above</u></b></i></p></div>
      <a id="link" data-headcount-event="Link" data-headcount-prop-the-place="top" href="https://elsewhere.example/x?y=1">link</a>
      <a id="paid" class="plausible-event-name=Order plausible-revenue-amount=9.99 plausible-revenue-currency=EUR" href="/f/a.pdf">paid</a>
      <button id="ours" data-headcount-event="Buy" data-headcount-revenue-amount="5" data-headcount-revenue-currency="USD">ours</button>
      <form class="plausible-event-name=Sent"><i id="inside">no event</i><button id="send">send</button></form>${STAY}`,
    act: click("#one", "#three", "#four", "#link", "#paid", "#ours", "#inside", "#send"),
    rows: {
      "/marks": [
        "Buy 5 USD",
        "Deep",
        "Link {the-place: top, url: https://elsewhere.example/x}",
        "Order {url: http://shop.example/f/a.pdf} 9.99 EUR",
        "Sent",
        "Sign up {plan: gold one}",
        "pageview",
      ],
    },
  },

  // pages the site names itself, by fragment, or leaves out
  "/manual": {
    head: full("data-manual"),
    act: async (page) => {
      await push("/manual/2")(page);
      await page.evaluate(() => headcount("pageview", { u: location.origin + "/manual/named", props: { step: 3 } }));
    },
    rows: { "/manual/named": ["pageview {step: 3}"] },
  },
  "/hash": {
    open: "/hash#/one",
    head: full("data-hash"),
    act: async (page) => {
      await page.evaluate(() => (location.hash = "#/two"));
      await sleep(100);
    },
    rows: { "/hash#/one": ["pageview"], "/hash#/two": ["pageview"] },
  },
  "/out/page": { head: full(`data-exclude="/out/*, /gone/**"`), silent: true },
  "/out/page/deeper": { head: full(`data-exclude="/out/*, /gone/**"`), rows: { "/out/page/deeper": ["pageview"] } },
  "/gone/a/b": { head: full(`data-exclude="/out/*, /gone/**"`), act: (page) => page.evaluate(() => headcount("Never")), silent: true },
  "/outXpage": { head: full(`data-exclude="/out.page"`), rows: { "/outXpage": ["pageview"] } },
  "/in/a/b": { head: full(`data-include="/in/**"`), rows: { "/in/a/b": ["pageview"] } },
  "/not/in/a": { head: full(`data-include="/in/**"`), silent: true },

  // properties of all events, and the site's own hook
  "/props": {
    head: `<script>window.headcount = window.headcount || function () { (headcount.q = headcount.q || []).push(arguments) };
      headcount.props = (name) => ({ kind: name == "pageview" ? "page" : "event", author: "page" })</script>
      ${full(`data-prop-author="tag" data-prop-theme="dark"`)}`,
    act: (page) => page.evaluate(() => headcount("Own", { props: { theme: "light" } })),
    rows: { "/props": ["Own {author: page, kind: event, theme: light}", "pageview {author: page, kind: page, theme: dark}"] },
  },
  "/props/object": {
    head: full(`event-author="old way"`),
    act: async (page) => {
      await page.evaluate(() => {
        headcount.props = { a: 1 };
        headcount("Own");
      });
    },
    rows: { "/props/object": ["Own {a: 1, author: old way}", "pageview {author: old way}"] },
  },
  "/hook/secret": {
    head: `<script>function redact(event) {
        if (event.n == "Drop") return null;
        if (event.n == "Break") throw Error("the hook broke");
        return { ...event, u: event.u.replace("secret", "public") };
      }</script>${full(`data-transform="redact"`)}`,
    act: (page) =>
      page.evaluate(async () => {
        headcount("Kept");
        window.answers = await Promise.all(
          ["Drop", "Break"].map((name) => new Promise((callback) => headcount(name, { callback: (answer) => callback(answer ?? "nothing") }))),
        );
      }),
    after: async (page) => assert.deepEqual(await page.evaluate(() => window.answers), ["nothing", "nothing"]),
    rows: { "/hook/public": ["Kept", "pageview"] },
  },
  "/hook/missing": { head: full(`data-transform="nobody"`), silent: true },

  // what fails sends nothing, and breaks neither the site's own moves nor what comes after it
  "/broken": {
    head: `<script>window.headcount = window.headcount || function () { (headcount.q = headcount.q || []).push(arguments) };
      headcount.props = () => { throw Error("no properties") }; headcount("Early")</script>${full()}`,
    act: (page) =>
      page.evaluate(async () => {
        headcount.props = () => ({ a: 1n });
        history.pushState(null, "", "/broken/2");
        headcount.props = { a: 1 };
        window.answer = await new Promise((callback) =>
          headcount("Nowhere", { u: "http://", callback: (answer) => callback(answer ?? "nothing") }),
        );
        headcount("Own");
      }),
    after: async (page) => assert.equal(await page.evaluate(() => window.answer), "nothing"),
    rows: { "/broken/2": ["Own {a: 1}"] },
  },
  // tags that say too little: the console says what is missing, and the visitor's switch works
  "/unnamed": {
    head: `<script>window._gaUserPrefs = { ioo: true }</script>
      ${["full", "vitals", "opt-out"].map((file) => `<script type="module" src="${given.url}/js/${file}.js"></script>`).join("")}
      <script defer src="${given.url}/js/full.js"></script>`,
    body: "<div data-headcount-opt-out></div>",
    after: async (page, seen) => {
      assert.equal(await page.getByRole("checkbox", { checked: false, disabled: true }).count(), 1);
      const says = /^warning: headcount counts nothing: load it by <script defer data-domain/;
      assert.deepEqual(seen.faults.map((fault) => says.test(fault) || fault), [true, true, true]);
    },
    silent: true,
  },

  // several tags
  "/tags": {
    host: "a.shop.example",
    head: core() + full("", "shop.example,a.shop.example") + full("", "a.shop.example") + full(),
    act: (page) => page.evaluate(() => headcount("Both")),
    rows: { "/tags": ["Both", "Both", "pageview", "pageview"] },
    sites: 2,
  },

  // without a script
  "/noscript": {
    scripts: false,
    body: `<noscript><img src="${given.url}/pixel.gif?site=shop.example" referrerpolicy="no-referrer-when-downgrade" alt=""></noscript>`,
    rows: { "/noscript": ["pageview"] },
  },
  "/noscript/own": {
    scripts: false,
    body: `<noscript><img src="/x/p?site=shop.example" alt=""></noscript>`,
    rows: { "/noscript/own": ["pageview"] },
  },
  "/script": {
    head: core(),
    body: `<noscript><img src="${given.url}/pixel.gif?site=shop.example" referrerpolicy="no-referrer-when-downgrade" alt=""></noscript>`,
    rows: { "/script": ["pageview"] },
  },

  // the operator's own path: headcount's, and handed on by the site's own server
  "/path": {
    head: tag("/numbers/f.js", "data-404"),
    rows: { "/path": ["404", "pageview"] },
    door: `${given.url}/numbers/e`,
  },
  "/path/moved": {
    head: `<script defer data-domain="shop.example" src="/x/s.js?v=1"></script>`,
    rows: { "/path/moved": ["pageview"] },
    door: "ORIGIN/x/e",
  },
  // a host whose name looks like such a path is none
  "/path/host": {
    head: `<script defer data-domain="shop.example" src="http://s.jsdir.shop.example:PORT/js/script.js"></script>`,
    rows: { "/path/host": ["pageview"] },
    door: "http://s.jsdir.shop.example:PORT/api/event",
  },
};

await run(async (browser) => {
  const shop = await siteOf(
    (path) => PAGES[path] && { head: filled(PAGES[path].head), body: filled(PAGES[path].body) },
    { "/x/": "/numbers/", "/js/": "/js/", "/api/": "/api/" },
  );
  function filled(text = "") {
    return text.replaceAll("ORIGIN", shop.origin).replaceAll("PORT", shop.port);
  }
  const expected = {};
  for (const [path, one] of Object.entries(PAGES)) {
    if (!one.rows && !one.silent) continue;
    const visitor = await person(browser, { scripts: one.scripts });
    const { page, seen } = visitor;
    await page.goto(`http://${one.host ?? "shop.example"}:${shop.port}${one.open ?? path}`);
    await one.act?.(page);
    await sleep(50);
    await one.after?.(page, seen);
    if (one.silent) assert.deepEqual(collected(seen), [], `${path} sends nothing`);
    if (one.door) {
      const doors = seen.requests.filter(({ body }) => body).map(({ url }) => url);
      assert.ok(doors.length && doors.every((url) => url == filled(one.door)), `${path}: ${doors}`);
    }
    await visitor.context.close();
    for (const [at, rows] of Object.entries(one.rows ?? {})) expected[at] = rows.map((row) => filled(row)).sort();
  }
  shop.close();

  await until("the stored rows", { missing: [], unexpected: [] }, async () => {
    return difference(lines(expected), lines(await found()));
  }, 15_000);
  // the pixel knows its visitor as the scripts do: one on each site, and not nobody
  const visitors = await stored("SELECT uniqExact(visitor) AS visitors, min(visitor) > 0 AS known FROM open_events GROUP BY site");
  assert.deepEqual(visitors.map(({ visitors, known }) => [Number(visitors), known]), [[1, 1], [1, 1]], "visitors");
  // one site each, where two tags name two sites
  const sites = await stored("SELECT count() AS rows FROM open_events WHERE path = '/tags' AND name = 'pageview' GROUP BY site");
  assert.equal(sites.length, 2);
});
