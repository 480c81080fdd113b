/**
 * The tracker: what a site loads as `/js/script.js`, or as `/js/full.js` with everything in it.
 * It wires pages, attention and custom events to `send`; the first promises to stay under 1,024
 * bytes (brotli), the second under 3 KB.
 *
 * It sets no cookie and writes nothing to the browser. It sends nothing when the visitor asks for
 * that (see `silence`) and when automation drives the page.
 */
import { attend, settle } from "./engagement";
import { watch } from "./elements";
import { counting, send, sites, type Options, type Send } from "./send";
import { has } from "./shape";
import { page } from "./silence";

let path: string | undefined;

/** One event of this tag's sites. A page view that the site names itself turns attention to it. */
const count: Send = FULL
  ? (name, options) => {
      if (name == "pageview") {
        settle();
        attend(options?.u || options?.url);
      }
      send(name, options);
    }
  : send;

/** Counts the page in view; a move within the same path (a fragment, a query) is none. */
function view(): void {
  const now = FULL && has("hash") ? location.pathname + location.hash : location.pathname;
  if (path != now) {
    path = now;
    settle();
    attend();
    send("pageview");
  }
}

/** Takes over a global name, unless somebody else's real function has it, and replays its queue. */
function take(name: string): void {
  const held = page[name];
  // whoever waits for a script keeps calls in `q`, be it that none came yet
  if (!held || /\.q\b/.test(held)) {
    page[name] = Object.assign(
      (event: string, options?: Options) => counting.forEach((one) => one(event, options)),
      held,
    );
  }
  held?.q?.forEach((call: [string, Options]) => count(...call));
}

// a site that another tag counts for already is not counted twice
if (sites[0]) {
  counting.push(count);
  if (!FULL || !has("manual")) {
    const push = history.pushState;
    history.pushState = (...move) => {
      push.apply(history, move);
      view();
    };
    addEventListener("popstate", view);
    if (FULL && has("hash")) addEventListener("hashchange", view);
    addEventListener("pageshow", (event) => {
      // back from the browser's page cache: the script does not run again, but the page is seen again
      if (event.persisted) {
        path = "";
        view();
      }
    });
    view();
  }
  if (FULL) watch(count);
  take("headcount");
  take("plausible");
}
