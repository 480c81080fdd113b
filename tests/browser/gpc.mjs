/** Global Privacy Control as scripts see it: only the value true says no, and then nothing leaves. */
import assert from "node:assert/strict";
import { collected, given, person, run, sleep } from "./lib.mjs";

const says = (value) =>
  `Object.defineProperty(Navigator.prototype, "globalPrivacyControl", { get: () => ${value}, configurable: true })`;

await run(async (browser) => {
  for (const [value, expected] of [["true", []], ["false", ["pageview"]], ["undefined", ["pageview"]]]) {
    const one = await person(browser, { before: says(value) });
    await one.page.goto(given.url + "/demo/pricing");
    await sleep(500);
    assert.deepEqual(collected(one.seen), expected, `globalPrivacyControl is ${value}`);
    await one.context.close();
  }
});
