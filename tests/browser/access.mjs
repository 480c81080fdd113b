/**
 * What a page must hold for people who do not see it, or see it small or dark: names of controls,
 * labels that exist, order of headings, heads of tables, contrast, no sideways scrolling.
 */
import assert from "node:assert/strict";
import { picture, sleep } from "./lib.mjs";

/** Runs in the page; gives what is wrong, as sentences. */
function faults() {
  const found = [];
  const say = (element, what) => found.push(`${what}: ${element.outerHTML.slice(0, 160)}`);
  const seen = (element) => element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;
  const text = (element) => (element?.textContent ?? "").trim();

  const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
  for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) found.push(`id twice: ${id}`);
  for (const name of ["aria-labelledby", "aria-describedby", "aria-controls"]) {
    for (const element of document.querySelectorAll(`[${name}]`)) {
      for (const id of element.getAttribute(name).split(/\s+/)) if (!document.getElementById(id)) say(element, `${name} names nothing`);
    }
  }
  for (const control of document.querySelectorAll("button, a[href], input, select, summary, [role=tab]")) {
    const labelled = (control.getAttribute("aria-labelledby") ?? "").split(/\s+/).map((id) => text(document.getElementById(id))).join("");
    const labels = [...(control.labels ?? [])].map(text).join("");
    const own = control.matches("input, select") ? "" : text(control);
    if (!(control.getAttribute("aria-label") || labelled || labels || own)) say(control, "a control without a name");
  }

  const levels = [...document.querySelectorAll("h1, h2, h3, h4")].map((heading) => Number(heading.localName[1]));
  if (levels.filter((level) => level === 1).length !== 1) found.push(`headings ${levels}: one h1 is needed`);
  if (levels.some((level, at) => at > 0 && level > levels[at - 1] + 1)) found.push(`headings ${levels} leave a level out`);
  for (const table of document.querySelectorAll("table")) if (!text(table.caption)) say(table, "a table without a caption");
  for (const head of document.querySelectorAll("th")) if (!head.scope) say(head, "a head without a scope");

  // contrast of text against the nearest opaque ground (WCAG 2.2, 1.4.3)
  const parts = (colour) => colour.match(/^rgba?\(([\d., ]+)\)$/)?.[1].split(",").map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (!colour) return null;
      if ((colour[3] ?? 1) === 1) return colour;
      if (colour[3] > 0) return null;
    }
    return null;
  };
  for (const element of document.body.querySelectorAll("*")) {
    const direct = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!direct || !seen(element) || element.closest(".unseen, :disabled, .is-stale, .is-old")) continue;
    const [front, back] = [parts(getComputedStyle(element).color), ground(element)];
    if (!front || !back) continue;
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) say(element, `contrast ${ratio.toFixed(2)}`);
  }
  const { scrollWidth } = document.documentElement;
  if (scrollWidth > innerWidth) {
    found.push(`${scrollWidth} px wide on ${innerWidth}`);
    for (const element of document.body.querySelectorAll("main *")) if (element.getBoundingClientRect().right >= scrollWidth - 16) say(element, "reaches out");
  }
  return found;
}

/** Looks at the open page light, dark and on a phone, and keeps pictures of all three. */
export async function assertAccessible(page, name) {
  const usual = page.viewportSize();
  for (const [look, scheme, width] of [["light", "light", usual.width], ["dark", "dark", usual.width], ["phone", "light", 375]]) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    await page.setViewportSize({ width, height: usual.height });
    await sleep(150);
    await picture(page, `${name}-${look}`);
    assert.deepEqual(await page.evaluate(faults), [], `${name}, ${look}`);
  }
  await page.emulateMedia({ colorScheme: "light", reducedMotion: null });
  await page.setViewportSize(usual);
}
