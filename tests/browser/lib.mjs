/**
 * A real browser for the tests that tests/it/browser.rs starts: it opens pages like a person and
 * writes down everything that must not happen (errors on the console, requests to other origins,
 * refusals of the content policy, cookies, storage).
 *
 * Each script is given one JSON argument and ends with 0, or prints what was wrong and ends with 1.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

/** An ordinary browser; the one in use would name itself a robot. */
export const USER_AGENT =
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
/** Near this many seconds to midnight UTC a script waits: it counts what happens on one day. */
const MIDNIGHT_ROOM = 100;

export const given = JSON.parse(process.argv[2] ?? "{}");

/** Runs a script and turns its failure into a text and an exit code; `without` are flags of the driver's. */
export async function run(script, { without = [] } = {}) {
  const left = 86400 - (Math.floor(Date.now() / 1000) % 86400);
  if (left < MIDNIGHT_ROOM) await sleep((left + 1) * 1000);
  const browser = await chromium.launch({
    executablePath: given.chromium,
    ignoreDefaultArgs: without,
    args: [
      // for every request, also those that outlive their page
      `--user-agent=${USER_AGENT}`,
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--host-resolver-rules=MAP shop.example 127.0.0.1, MAP *.shop.example 127.0.0.1",
    ],
  });
  try {
    await script(browser);
  } catch (error) {
    console.error(error.stack ?? String(error));
    process.exitCode = 1;
  }
  await browser.close();
  // a site that a failed script left open would keep this process
  process.exit();
}

/** Somebody with a browser of their own: nothing is shared with others but the machine. */
export async function person(browser, { automation = true, headers = {}, before = "", scripts = true } = {}) {
  const context = await browser.newContext({
    userAgent: USER_AGENT,
    viewport: { width: 1280, height: 900 },
    extraHTTPHeaders: headers,
    javaScriptEnabled: scripts,
  });
  if (automation) await context.addInitScript("window.__headcount_automation = true");
  if (before) await context.addInitScript(before);
  await context.addInitScript(
    "addEventListener('securitypolicyviolation', e => console.error('CSP', e.violatedDirective, e.blockedURI))",
  );
  const seen = { requests: [], faults: [] };
  context.on("request", (request) => seen.requests.push({ url: request.url(), body: request.postData() }));
  context.on("weberror", (error) => seen.faults.push(String(error.error())));
  context.on("console", (message) => {
    if (message.type() !== "error" && message.type() !== "warning") return;
    // a refused login is an answer, not a fault of the page
    if (/status of 401/.test(message.text()) && /\/api\//.test(message.location().url)) return;
    seen.faults.push(`${message.type()}: ${message.text()} (${message.location().url})`);
  });
  return { context, seen, page: await context.newPage() };
}

/** What a person's browser asked the collecting paths for: the names of the events. */
export function collected(seen) {
  const sent = seen.requests.filter(({ url }) => /\/api\/event|pixel\.gif|\/(numbers|x)\/[ep]\b/.test(url));
  return sent.map(({ body }) => JSON.parse(body ?? "{}").n ?? "pixel");
}

/** No console error, no refused content, no request to anybody else. */
export function assertClean({ seen }, origins) {
  assert.deepEqual(seen.faults, []);
  const foreign = seen.requests.filter(({ url }) => !/^(data|blob|about):/.test(url) && !origins.includes(new URL(url).origin));
  assert.deepEqual(foreign, [], "requests to other origins");
}

/** Nothing is kept in the browser. */
export async function assertNothingStored({ context, page }) {
  assert.deepEqual(await context.cookies(), []);
  const kept = await page.evaluate(async () => ({
    cookie: document.cookie,
    local: Object.keys(localStorage),
    session: Object.keys(sessionStorage),
    databases: (await indexedDB.databases()).map((one) => one.name),
    caches: window.caches ? await caches.keys() : [],
    workers: navigator.serviceWorker ? (await navigator.serviceWorker.getRegistrations()).length : 0,
  }));
  assert.deepEqual(kept, { cookie: "", local: [], session: [], databases: [], caches: [], workers: 0 });
}

/** A site of somebody else: the same page at every path, with whatever its head should carry. */
export async function siteWith(head) {
  const server = createServer((request, response) => {
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    response.end(`<!doctype html><html lang="en"><head><title>A shop</title><link rel="icon" href="data:,">
      ${head}</head><body><h1>${new URL(request.url, "http://x").pathname.replaceAll("<", "&lt;")}</h1>
      <a href="/next">next</a><p style="height:3000px">long</p></body></html>`);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const origin = `http://shop.example:${server.address().port}`;
  return { origin, close: () => server.close() };
}

/**
 * A site with pages of its own: `page(path, query)` gives head and body of what lies there, or
 * nothing; `proxied` is what an address of the site hands on to headcount, as a web server would.
 */
export async function siteOf(page, proxied = {}) {
  const asked = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://x");
    const entry = { path: pathname, headers: request.headers };
    asked.push(entry);
    const target = Object.entries(proxied).find(([own]) => pathname.startsWith(own));
    if (target) return handOn(request, response, request.url.replace(target[0], target[1]), entry);
    const made = page(pathname);
    response.statusCode = made ? 200 : 404;
    if (made?.script) {
      response.setHeader("Content-Type", "text/javascript");
      return response.end(made.script);
    }
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    response.end(`<!doctype html><html lang="en"><head><title>A shop</title><link rel="icon" href="data:,">
      ${made?.head ?? ""}</head><body><h1>A shop</h1>${made?.body ?? ""}</body></html>`);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  return { port, origin: `http://shop.example:${port}`, asked, close: () => server.close() };
}

async function handOn(request, response, path, entry) {
  const parts = [];
  for await (const part of request) parts.push(part);
  const { host, connection, ...headers } = request.headers;
  const method = request.method;
  const body = method == "POST" ? Buffer.concat(parts) : undefined;
  if (body) entry.body = JSON.parse(String(body));
  const answer = await fetch(given.url + path, { method, headers: { ...headers, "accept-encoding": "identity" }, body });
  response.writeHead(answer.status, { "Content-Type": answer.headers.get("content-type") });
  response.end(Buffer.from(await answer.arrayBuffer()));
}

/** The tag of a script, with attributes. */
export function tag(file, attributes = "", domain = "shop.example") {
  return `<script defer data-domain="${domain}" ${attributes} src="${given.url}${file}"></script>`;
}

/** Rows of a SELECT, asked as the engine's reader: what is really stored. */
export async function stored(sql) {
  const { url, user, password, database } = given.reader;
  const headers = { "X-ClickHouse-User": user, "X-ClickHouse-Key": password, "X-ClickHouse-Database": database };
  const answer = await fetch(url, { method: "POST", headers, body: `${sql} FORMAT JSONEachRow` });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

/** The stored events by path, attention aside, as `name {property: value} 12.5 EUR`. */
export async function found() {
  const found = {};
  for (const { path, name, props, revenue, currency } of await stored(
    "SELECT path, name, props, toFloat64(revenue) AS revenue, currency FROM open_events WHERE name != 'engagement'",
  )) {
    // (the server adds the page's path where other tools do)
    const own = Object.keys(props).filter((key) => key != "path" || props.path != path).sort().map((key) => `${key}: ${props[key]}`);
    const row = [name, own.length ? `{${own.join(", ")}}` : "", currency ? `${revenue} ${currency}` : ""];
    (found[path] ??= []).push(row.filter(Boolean).join(" "));
  }
  return found;
}

/** One text for each row. */
export function lines(rows) {
  return Object.entries(rows).flatMap(([path, ones]) => ones.map((one) => `${path}  ${one}`)).sort();
}

/** What one list holds more often than the other, both ways. */
export function difference(wanted, found) {
  const more = (some, others) => {
    const left = [...others];
    return some.filter((one) => !left.includes(one) || !left.splice(left.indexOf(one), 1));
  };
  return { missing: more(wanted, found), unexpected: more(found, wanted) };
}

/** The answer of the collector to the next event of that name. */
export function nextEvent(page, name = "pageview") {
  const fits = (response) => response.url().endsWith("/api/event") && response.request().postDataJSON().n === name;
  return page.waitForResponse(fits, { timeout: 10_000 });
}

/** The number in one of the tiles, as text. */
export async function tile(page, name) {
  const found = page.locator(".tile", { has: page.getByRole("button", { name, exact: true }) });
  return (await found.locator(".value").innerText()).replaceAll("\n", "").trim();
}

/** Loads the report again and waits until its top numbers are there. */
export async function again(page) {
  await page.reload();
  await page.locator(".tiles[aria-busy=false]").waitFor();
}

/** Rows of a list as texts: name and last number. */
export async function rows(page, panel) {
  const list = page.getByRole("table", { name: new RegExp(`^${panel} by `) });
  return list.locator("tbody tr").evaluateAll((found) =>
    found.map((row) => [
      row.querySelector("th .cut, th .cell")?.textContent ?? "",
      row.querySelector("td:last-child")?.textContent ?? "",
    ]),
  );
}

/** Waits until `probe` gives what is wanted; the last difference is the failure. */
export async function until(what, wanted, probe, within = 5000) {
  const end = Date.now() + within;
  for (;;) {
    let found;
    try {
      found = await probe();
      assert.deepEqual(found, wanted, what);
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(100);
    }
  }
}

export function sleep(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}

/** Keeps a picture for a person to look at. */
export async function picture(page, name) {
  if (!given.pictures) return;
  mkdirSync(given.pictures, { recursive: true });
  await page.screenshot({ path: join(given.pictures, `${name}.png`), fullPage: true });
}

/** Fills the forms of the first start: account, then site. */
export async function setUp(page, { domain, zone = "UTC", email = "owner@shop.example", password }) {
  await page.goto(given.setup);
  await page.getByRole("heading", { name: "Set up headcount" }).waitFor();
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByLabel("Domain").fill(domain);
  await page.getByLabel("Time zone").selectOption(zone);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: "Waiting for the first visit" }).waitFor();
}

/** Somebody who looks at the demo site: three pages, one of them again for its button. */
export async function visitDemo(browser) {
  const visitor = await person(browser);
  for (const path of ["/demo", "/demo/pricing", "/demo/docs"]) {
    const sent = nextEvent(visitor.page);
    await visitor.page.goto(given.url + path);
    assert.equal((await sent).headers()["x-headcount"], "accepted");
  }
  await visitor.page.goto(given.url + "/demo/pricing");
  await visitor.page.getByRole("button", { name: "Take the barge" }).click();
  await visitor.page.getByRole("status").filter({ hasText: "was sent" }).waitFor();
  assert.equal(await visitor.page.locator("[data-not-counted]").isVisible(), false);
  return visitor;
}
