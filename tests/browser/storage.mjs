/**
 * What a browser holds before and after the scripts and the pixel: the same, in every place where a
 * page can keep something. The visitor's own switch is the only exception, and only when it is used.
 * Each place is shown to be looked at by planting something in it.
 */
import assert from "node:assert/strict";
import { given, person, run, siteOf, sleep, until } from "./lib.mjs";

const TAGS = {
  "script.js": `<script defer data-domain="demo.example" data-local src="${given.url}/js/script.js"></script>`,
  "full.js": `<script defer data-domain="demo.example" data-local data-404 src="${given.url}/js/full.js"></script>`,
  "vitals.js": `<script defer data-domain="demo.example" data-local src="${given.url}/js/vitals.js"></script>`,
  "opt-out.js": `<script defer src="${given.url}/js/opt-out.js"></script>`,
  "own path": `<script defer data-domain="demo.example" data-local src="/x/f.js"></script>`,
  pixel: "",
};
const BODY = `<p data-headcount-opt-out></p><a id="away" href="https://elsewhere.example/">away</a>
  <script>addEventListener("click", (event) => event.target.id == "away" && event.preventDefault())</script>`;
const WORDS = BODY.replace(
  "opt-out",
  `opt-out data-label="Mich mitzählen" data-counted="Sie werden gezählt." data-not-counted="Sie werden nicht gezählt."`,
);
const PIXEL = `<img id="pixel" src="${given.url}/pixel.gif?site=demo.example" alt="">`;

/** Everything that is kept, on the pages' origin and on headcount's. */
async function look({ context, page }, origin) {
  const found = {};
  for (const [name, place] of [["site", origin], ["headcount", given.url]]) {
    await page.goto(place + (name == "site" ? "/bare" : "/health"));
    found[name] = await page.evaluate(async () => ({
      cookie: document.cookie,
      local: Object.entries(localStorage),
      session: Object.entries(sessionStorage),
      databases: (await indexedDB.databases()).map((one) => one.name),
      caches: await caches.keys(),
      workers: (await navigator.serviceWorker.getRegistrations()).map((one) => one.scope),
      files: await Array.fromAsync((await navigator.storage.getDirectory()).keys()),
    }));
  }
  const devtools = await context.newCDPSession(page);
  const { cookies } = await devtools.send("Network.getAllCookies");
  found.cookies = cookies.map(({ name, domain }) => `${domain} ${name}`);
  return found;
}

const PLANTS = {
  cookie: () => (document.cookie = "planted=1"),
  local: () => localStorage.setItem("planted", 1),
  session: () => sessionStorage.setItem("planted", 1),
  databases: () => new Promise((done) => (indexedDB.open("planted").onsuccess = ({ target }) => done(target.result.close()))),
  caches: () => caches.open("planted").then(() => {}),
  workers: () => navigator.serviceWorker.register("/worker.js").then(() => {}),
  files: async () => void (await (await navigator.storage.getDirectory()).getFileHandle("planted", { create: true })),
};

await run(async (browser) => {
  const shop = await siteOf(
    (path) => {
      if (path == "/worker.js") return { script: "/* nothing */" };
      const name = decodeURIComponent(path.slice(1));
      return { head: TAGS[name], body: { pixel: PIXEL, bare: "", words: WORDS }[name] ?? BODY };
    },
    { "/x/": "/numbers/" },
  );
  const origin = `http://127.0.0.1:${shop.port}`;
  const bare = await person(browser);
  const before = await look(bare, origin);

  // the controls: each place is seen when something is in it
  for (const [place, plant] of Object.entries(PLANTS)) {
    const one = await person(browser);
    await one.page.goto(origin + "/bare");
    await one.page.evaluate(plant);
    const found = await look(one, origin);
    assert.notDeepEqual(found.site[place], before.site[place], `${place} is not seen`);
    if (place == "cookie") assert.notDeepEqual(found.cookies, before.cookies, "cookies are not seen");
    await one.context.close();
  }

  const headers = {};
  for (const name of Object.keys(TAGS)) {
    const one = await person(browser);
    one.context.on("response", (response) => {
      if (response.url().startsWith(given.url)) (headers[new URL(response.url()).pathname] ??= []).push(response.allHeaders());
    });
    for (const times of [1, 2]) {
      await one.page.goto(`${origin}/${name}`);
      await one.page.locator(name == "pixel" ? "#pixel" : "#away").click();
      await one.page.evaluate(() => {
        window.headcount?.("Signup");
        setTimeout(() => {
          throw Error(`broken`);
        });
        history.pushState(null, "", "/second");
      });
      await sleep(times * 50);
    }
    assert.deepEqual(await look(one, origin), before, `${name} leaves something`);
    await one.context.close();
  }
  for (const path of ["/js/script.js", "/js/full.js", "/js/vitals.js", "/js/opt-out.js", "/api/event", "/pixel.gif"]) {
    assert.ok(headers[path]?.length, `${path} was not asked for`);
    for (const found of await Promise.all(headers[path])) {
      assert.equal(found["set-cookie"], undefined, path);
      assert.equal(found["last-modified"], undefined, path);
    }
  }

  // what a file is tagged with is the same for everyone
  for (const path of ["/js/script.js", "/js/full.js", "/js/vitals.js", "/js/opt-out.js", "/numbers/s.js", "/pixel.gif?site=demo.example&campaign=x"]) {
    const tags = [];
    for (const agent of ["Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "Mozilla/5.0 (iPhone) Safari/604.1"]) {
      const answer = await fetch(given.url + path, { headers: { "User-Agent": agent, "Accept-Language": agent.slice(13, 15), Cookie: `a=${agent.length}` } });
      assert.equal(answer.status, 200, path);
      assert.deepEqual(answer.headers.getSetCookie(), [], path);
      tags.push(`${answer.headers.get("etag")} ${answer.headers.get("last-modified")}`);
      await answer.arrayBuffer();
    }
    assert.equal(tags[0], tags[1], `${path} is tagged by visitor`);
  }

  await theSwitch(browser, shop, origin, before);
  shop.close();
});

/** The visitor's own switch: keeps one key when asked, and takes it away again. */
async function theSwitch(browser, shop, origin, before) {
  const both = TAGS["opt-out.js"] + TAGS["script.js"];
  TAGS.choice = both;
  TAGS.words = both;
  const one = await person(browser);
  const sent = [];
  one.context.on("request", (request) => request.method() == "POST" && sent.push(request.postDataJSON().n));
  await one.page.goto(`${origin}/choice`);
  const box = one.page.getByRole("checkbox", { name: "Count my visits to this site" });
  const says = one.page.getByRole("status");
  await until("counted at first", [true, "Your visits are counted."], async () => [await box.isChecked(), await says.innerText()]);
  await until("a page view", ["pageview"], () => sent);
  assert.deepEqual(await look(one, origin), before, "nothing before it is used");

  // by keyboard
  await one.page.goto(`${origin}/choice`);
  await one.page.keyboard.press("Tab");
  assert.ok(await box.evaluate((found) => found == document.activeElement), "the checkbox can be reached by keyboard");
  await one.page.keyboard.press("Space");
  assert.match(await says.innerText(), /^Your visits are not counted\./);
  assert.equal(await one.page.evaluate(() => headcount.optedOut()), true);
  const after = await look(one, origin);
  assert.deepEqual(after, { ...before, site: { ...before.site, local: [["headcount_ignore", "true"]] } }, "one key, and nothing else");
  sent.length = 0;
  await one.page.goto(`${origin}/choice`);
  await until("still not counted", [false, true], async () => [await box.isChecked(), /not counted/.test(await says.innerText())]);
  await one.page.evaluate(() => headcount("Signup"));
  await sleep(200);
  assert.deepEqual(sent, [], "and nothing is sent");

  // by the page's own script, and back
  assert.equal(await one.page.evaluate(() => headcount.optOut(false)), false);
  assert.equal(await says.innerText(), "Your visits are counted.");
  assert.deepEqual(await look(one, origin), before, "taken away again");
  await one.page.goto(`${origin}/choice`);
  assert.equal(await one.page.evaluate(() => headcount.optOut(true)), true);
  assert.equal(await box.isChecked(), false);
  await box.check();
  assert.deepEqual(await look(one, origin), before, "by the mouse too");

  // in the site's own words
  await one.page.goto(`${origin}/words`);
  await one.page.getByRole("checkbox", { name: "Mich mitzählen" }).uncheck();
  assert.equal(await says.innerText(), "Sie werden nicht gezählt.");
  await one.context.close();

  // browsers that ask by themselves, or let nothing be kept
  const asks = await person(browser, { before: "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true })" });
  await asks.page.goto(`${origin}/choice`);
  assert.match(await asks.page.getByRole("status").innerText(), /this browser already asks for that/);
  const theirs = asks.page.getByRole("checkbox");
  assert.deepEqual([await theirs.isChecked(), await theirs.isDisabled()], [false, true]);
  await asks.context.close();
  const refuses = await person(browser, { before: "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no') } })" });
  await refuses.page.goto(`${origin}/choice`);
  await refuses.page.getByRole("checkbox").click();
  await until("it says so", ["This browser does not let the page keep your choice.", true], async () => [
    await refuses.page.getByRole("status").innerText(),
    await refuses.page.getByRole("checkbox").isChecked(),
  ]);
  await refuses.context.close();
}
