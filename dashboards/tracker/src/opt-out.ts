/**
 * The visitor's own switch: `/js/opt-out.js` fills every `[data-headcount-opt-out]` of the page
 * with a checkbox and a sentence, and offers `headcount.optOut(true | false)` and
 * `headcount.optedOut()` to pages that draw their own.
 *
 * `headcount_ignore` is the only thing that is ever kept on a device, only when the visitor asks
 * for it, and taken away when the visitor changes it back. All sentences can be replaced by attributes.
 */
import { asked, isOn, page } from "./silence";

/** Where a wish is kept. */
const KEY = "headcount_ignore";

interface Wording {
  label: string;
  counted: string;
  notCounted: string;
  byBrowser: string;
  refused: string;
}

/** `data-label`, `data-counted`, `data-not-counted`, `data-by-browser`, `data-refused` replace these. */
const WORDING: Wording = {
  label: "Count my visits to this site",
  counted: "Your visits are counted.",
  notCounted: "Your visits are not counted. This choice is kept in this browser.",
  byBrowser:
    "Your visits are not counted: this browser already asks for that (Do Not Track, Global Privacy Control, blocked cookies or another opt-out).",
  refused: "This browser does not let the page keep your choice.",
};

interface Toggle {
  box: HTMLInputElement;
  says: HTMLElement;
  wording: Wording;
}
const toggles: Toggle[] = [];

/** Whether something other than our switch keeps this browser from being counted. */
function byBrowser(): boolean {
  try {
    if (asked()) return true;
  } catch {
    // who cannot be asked is not counted
    return true;
  }
  try {
    return Object.keys(localStorage).some((name) => name != KEY && isOn(localStorage, name));
  } catch {
    return false;
  }
}

function wished(): boolean {
  try {
    return isOn(localStorage, KEY);
  } catch {
    return false;
  }
}

/** Whether visits are left out, by the visitor's wish or the browser's. */
function optedOut(): boolean {
  return wished() || byBrowser();
}

/** Sets or takes back the wish; gives whether visits are left out now. */
function optOut(wish: boolean): boolean {
  try {
    if (wish) localStorage.setItem(KEY, "true");
    else localStorage.removeItem(KEY);
  } catch {
    // nothing can be kept: `optedOut` says so
  }
  for (const toggle of toggles) show(toggle);
  return optedOut();
}

function show({ box, says, wording }: Toggle, refused?: boolean): void {
  const forced = byBrowser();
  box.checked = !optedOut();
  box.disabled = forced;
  const text = refused ? "refused" : forced ? "byBrowser" : box.checked ? "counted" : "notCounted";
  // a status is read out when it changes, and only then
  if (says.textContent != wording[text]) says.textContent = wording[text];
}

function fill(place: HTMLElement): void {
  const wording = { ...WORDING, ...place.dataset } as Wording;
  const label = document.createElement("label");
  const box = document.createElement("input");
  const says = document.createElement("p");
  box.type = "checkbox";
  box.autocomplete = "off";
  says.setAttribute("role", "status");
  label.append(box, " " + wording.label);
  place.replaceChildren(label, says);
  const toggle = { box, says, wording };
  toggles.push(toggle);
  box.addEventListener("change", () => {
    const wish = !box.checked;
    optOut(wish);
    if (wished() != wish) show(toggle, true);
  });
  show(toggle);
}

function fillAll(): void {
  for (const place of document.querySelectorAll<HTMLElement>("[data-headcount-opt-out]")) {
    if (!place.firstElementChild) fill(place);
  }
}

if (!page.headcount?.optOut) {
  // until the tracker comes, calls wait for it as in any page
  page.headcount =
    page.headcount ||
    function () {
      (page.headcount.q = page.headcount.q || []).push(arguments);
    };
  Object.assign(page.headcount, { optOut, optedOut });
  fillAll();
  // pages that are drawn later
  new MutationObserver(fillAll).observe(document, { childList: true, subtree: true });
  // another tab, or the page when it is seen again
  for (const type of ["storage", "pageshow", "focus"]) addEventListener(type, () => toggles.forEach((one) => show(one)));
}
