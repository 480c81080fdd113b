/**
 * What `vitals.js` tells: five numbers, once, when the page is first hidden; errors without what they
 * say about whom. The requests are looked at where they arrive.
 */
import assert from "node:assert/strict";
import { person, run, siteOf, sleep, stored, until } from "./lib.mjs";

/** How long the page's button keeps the browser busy (ms). */
const BUSY = 160;

const vitals = (attributes = "", domain = "shop.example") => `<script defer data-domain="${domain}" ${attributes} src="/x/v.js"></script>`;
/** A page that shifts once, and has a slow button. */
const SLOW = `<p style="font-size:60px;height:400px">The largest part of this page</p>
  <button id="slow">slow</button> <button id="quick">quick</button>
  <script>
    setTimeout(() => document.querySelector("p").insertAdjacentHTML("beforebegin", "<div id=late style='height:200px'>late</div>"), 200);
    document.querySelector("#slow").addEventListener("click", () => { const end = performance.now() + ${BUSY}; while (performance.now() < end); });
  </script>`;

/** Breaks in many ways: said twice, said of somebody, said late, more than five. */
function breakAll() {
  const fail = (error) => setTimeout(() => { throw error; });
  const user = `order 1234567 of "Jane Doe" <jane@doe.example> at https://shop.example/user/jane?token=abc#x failed`;
  for (const again of [1, 2]) fail(new TypeError(`x.y is not a function (${again})`));
  fail(new Error(user));
  fail(`can't read 'password' of user`);
  Promise.reject(new RangeError(`value ${Math.random()} too large, see \`hint\``));
  Promise.reject("ä".repeat(300));
  fail({ toString() { throw 1; } });
  setTimeout(() => ["six", "seven"].forEach((word) => fail(new Error(word))), 100);
}

await run(async (browser) => {
  const heads = {
    "/slow": vitals() + vitals(),
    "/two": vitals() + vitals("", "a.shop.example"),
    "/left/out": vitals(`data-exclude="/left/*"`),
    "/hook/secret": `<script>function cut(event) { return { ...event, u: event.u.replace("secret", "public") } }</script>` + vitals(`data-transform="cut"`),
  };
  const bodies = { "/plain": "", "/errors": `<script defer src="/break.js"></script>` };
  const shop = await siteOf(
    (path) => (path == "/break.js" ? { script: `(${breakAll})()` } : { head: heads[path] ?? vitals(), body: bodies[path] ?? SLOW }),
    { "/x/": "/numbers/" },
  );
  const all = [];
  const sent = (name) => shop.asked.filter(({ body }) => body?.n == name).map(({ body }) => body);
  const open = async (path) => {
    all.push(...shop.asked.splice(0));
    const one = await person(browser);
    // a host on which both sites accept pages
    const origin = path == "/two" ? shop.origin.replace("//", "//a.") : shop.origin;
    await one.page.goto(origin + path);
    return one;
  };

  // the five numbers
  let one = await open("/slow?secret=1#part");
  await one.page.locator("#late").waitFor();
  await one.page.locator("#quick").click();
  await one.page.locator("#slow").click();
  await sleep(BUSY + 100);
  await one.page.evaluate(() => history.pushState(null, "", "/slow/moved"));
  await one.page.goto("about:blank");
  await until("one request", 1, () => sent("web_vitals").length);
  await sleep(200);
  const [told] = sent("web_vitals");
  assert.deepEqual(Object.keys(told).sort(), ["d", "n", "u", "v"], "nothing but the numbers and the page");
  assert.deepEqual([told.d, told.u], ["shop.example", `${shop.origin}/slow`]);
  const { ttfb, fcp, lcp, inp, cls } = told.v;
  console.log("measured", JSON.stringify(told.v));
  assert.deepEqual(Object.keys(told.v).sort(), ["cls", "fcp", "inp", "lcp", "ttfb"]);
  assert.ok(Object.entries(told.v).every(([name, value]) => name == "cls" || Number.isInteger(value)), "whole milliseconds");
  assert.ok(0 <= ttfb && ttfb <= fcp && fcp <= lcp && lcp < 5000, "one after the other");
  assert.ok(inp >= BUSY && inp < BUSY + 400, "the slow button");
  // what moves is (most of) the page's width, and moves by 200 of 900 pixels
  assert.ok(cls > 0.03 && cls < 0.25, "the part that came late");
  assert.equal(shop.asked.filter(({ body }) => body).length, 1, "once, with two tags");
  await one.context.close();

  // a page that does not move and is not touched: zero, and no number for what never happened
  one = await open("/plain");
  await sleep(300);
  await one.page.goto("about:blank");
  await until("four numbers", [["cls", "fcp", "lcp", "ttfb"]], () => sent("web_vitals").map(({ v }) => Object.keys(v).sort()));
  assert.equal(sent("web_vitals")[0].v.cls, 0);
  await one.context.close();

  // hidden twice: the second time only what was not there the first time
  one = await open("/again");
  await sleep(400);
  const hide = (hidden) =>
    one.page.evaluate((hidden) => {
      Object.defineProperty(Document.prototype, "hidden", { get: () => hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
    }, hidden);
  await hide(true);
  await hide(false);
  await one.page.locator("#slow").click();
  await sleep(BUSY + 100);
  await hide(true);
  await hide(true);
  const parts = [["cls", "fcp", "lcp", "ttfb"], ["inp"]];
  await until("two requests", parts, () => sent("web_vitals").map(({ v }) => Object.keys(v).sort()));
  await one.context.close();

  // several sites, pages left out, the site's hook; a site that moves on by itself: the numbers stay
  // with the page that was loaded (and are left out with it), errors belong to the page in view
  for (const [path, wanted] of [
    ["/two", [["a.shop.example", "/two"], ["shop.example", "/two"]]],
    ["/left/out", []],
    ["/hook/secret", [["shop.example", "/hook/public"]]],
  ]) {
    one = await open(path);
    await one.page.evaluate(() => {
      history.pushState(null, "", "/moved");
      setTimeout(() => {
        try {
          JSON.parse('["Jane Doe", x]');
        } catch ({ message }) {
          throw Error(message + " in `a `Jane` b` of /reset?token=abc");
        }
      });
    });
    await sleep(200);
    await one.page.goto("about:blank");
    await sleep(200);
    const late = "/moved Error: Unexpected token '', '' is not valid JSON in '' of /reset";
    const errors = sent("js_error").map(({ u, t }) => `${new URL(u).pathname} ${t}`);
    assert.deepEqual(errors, heads[path].split("defer").slice(1).map(() => late));
    await until(path, wanted, () => sent("web_vitals").map(({ d, u }) => [d, new URL(u).pathname]).sort());
    await one.context.close();
  }

  // errors
  one = await open("/errors?secret=1");
  await until("five errors", 5, () => sent("js_error").length);
  await sleep(400);
  const errors = sent("js_error");
  assert.ok(errors.every(({ d, u, ...rest }) => d == "shop.example" && u == `${shop.origin}/errors` && Object.keys(rest).sort().join() == "n,t"));
  const wanted = [
    "Error: order 0 of '' :email at url failed",
    "RangeError: value 0.0 too large, see ''",
    "TypeError: x.y is not a function (0)",
    "can't read '' of user",
    "ä".repeat(100),
  ];
  assert.deepEqual(errors.map(({ t }) => t).sort(), wanted, "at most five, each once");
  await one.context.close();
  shop.close();

  // what was told is what is stored: each number for itself, and no row among the events
  all.push(...shop.asked);
  const expected = [];
  for (const { d, u, n, v, t } of all.flatMap(({ body }) => body ?? [])) {
    const { pathname } = new URL(u);
    for (const site of d.split(",")) {
      if (n == "web_vitals") expected.push(...Object.keys(v).map((metric) => `${pathname} ${metric}`));
      if (n == "js_error") expected.push(`${pathname} ${t}`);
    }
  }
  await until("the stored numbers and errors", expected.sort(), async () => {
    const rows = await stored(
      `SELECT path, metric AS what, toUInt32(sum(events)) AS events FROM vitals GROUP BY path, metric
       UNION ALL SELECT path, template, toUInt32(sum(events)) FROM script_errors GROUP BY path, template`,
    );
    return rows.flatMap(({ path, what, events }) => Array(events).fill(`${path} ${what}`)).sort();
  }, 15_000);
  const names = await stored("SELECT count() AS rows FROM open_events WHERE name IN ('web_vitals', 'js_error')");
  assert.equal(Number(names[0].rows), 0);
});
