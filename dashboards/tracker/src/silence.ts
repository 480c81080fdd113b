/**
 * The reasons to send nothing, read afresh for every event: a signal that arrives late still
 * counts. Nothing is written, and of the storage only the named flags are read.
 */

import { stand } from "./stand";

/** The tag that loaded this file (a module has none: then one without attributes), and its `data-` attributes. */
export const tag = (
  FULL ? (STAND_IN && stand.tag) || document.currentScript || document.createElement("script") : document.currentScript
) as HTMLScriptElement;
export const sets = tag.dataset;
export const page = window as unknown as Record<string, any>;

/**
 * Where events go: beside a file with a name of one letter (the operator's own path), else to the
 * usual address of the file's origin.
 */
export const api =
  sets.api ||
  new URL(/\/\w\.js(\?|$)/.test(tag.src) ? "e" : "/api/event", FULL ? tag.src || document.baseURI : tag.src);

/** The sites that the tag names; without any, the console says how to (not in `script.js`: its bytes are counted). */
export function domains(): string[] {
  // a stand-in takes its sites one by one, see `pages`
  if (STAND_IN) return [];
  if (!FULL || sets.domain) return sets.domain!.split(",");
  console.warn('headcount counts nothing: load it by <script defer data-domain="your.site" src="…">, without type="module"');
  return [];
}

/**
 * Switches that mean "do not count me": our own, those of other tools (all in the browser's storage)
 * and Google Analytics' (a property of the page).
 */
const SWITCH =
  /^((headcount|plausible)_ignore|umami.disabled|skipgc|disable-(rybbit|liwan)|ga-disable-.+)$/;

/** Whether `name` is a switch that is on among the properties of `place`. */
export function isOn(place: Record<string, any>, name: string): boolean {
  // on is "true", "t", "1"; not on are "false", "null", "undefined", "0" and nothing
  return SWITCH.test(name) && /^[^fnu0]/.test(place[name]);
}

/** Whether any switch is on there; values of other names are not read. */
export function switched(place: Record<string, any>): boolean {
  return Object.keys(place).some((name) => isOn(place, name));
}

/** Whether the browser, or the page for its visitor, says not to count. */
export function asked(): unknown {
  return (
    // "1", or "yes" of old browsers, in whichever of the three places
    /1|yes/.test([navigator.doNotTrack, page.doNotTrack, navigator.msDoNotTrack] as any) ||
    navigator.globalPrivacyControl ||
    (navigator.cookieEnabled as unknown) == 0 ||
    // the add-on by which visitors opt out of Google Analytics
    page._gaUserPrefs?.ioo?.() ||
    switched(page)
  );
}

/** Whether a switch is on in the browser's storage; where storage is forbidden, nobody has set one. */
function stored(): unknown {
  try {
    return switched(localStorage);
  } catch {}
}

/** Whether nothing may be sent now. */
export function silent(): unknown {
  try {
    return (
      (STAND_IN && stand.denied) ||
      asked() ||
      // an empty host name is a file
      (/^(localhost|127\..*|\[::1]|)$/.test(location.hostname) && sets.local == null) ||
      (!page.__headcount_automation && (navigator.webdriver || page.__nightmare || page.Cypress)) ||
      stored()
    );
  } catch {
    // who cannot be asked has perhaps said no
    return 1;
  }
}
