/**
 * Page views of the stand-ins. Several tools' tags may be on one page: each of them counts page views
 * (and what happens on pages by itself: links, scrolling, attention) for the sites that no tag before
 * it counts for. Which of their names are one site is asked of the server, and only by a tag that is
 * not the first. What the page's own code sends through a tool's functions always goes.
 */
import { attend, settle } from "./engagement";
import { counting, send, sites, type Options, type Send } from "./send";
import { silent, tag } from "./silence";
import { once } from "./stand";

/** Our own script: it asks nobody, and counts for the domains of its tag. */
const OWN = /\/(js\/(script|full)|[sf])\.js(\?|$)/;
/** A name that another tool gave to a site, such as `ga4:G-ABC`; two domains are two sites. */
const FOREIGN = /:/;

type Told = (counted: boolean) => void;

/** For each name of this tag the names that were there before it. */
const before: Record<string, string[]> = {};
/** Whether this tag counts page views for a name; while it asks, who wants to know. */
const decided: Record<string, boolean | Told[]> = {};
/** The page in view. */
let current: string | undefined;

/** The origin of this file. */
const origin = new URL(tag.src || document.baseURI).origin;

/** Domains of our own tags in this page, whether their script has come or not. */
function own(): string[] {
  return Array.from(document.querySelectorAll<HTMLScriptElement>("script[data-domain]"))
    .filter(({ src, dataset }) => OWN.test(src) && dataset.manual == null && new URL(src).origin == origin)
    .flatMap(({ dataset }) => dataset.domain!.split(","));
}

/** Tells the tags after this one that a name is taken; gives whether it is this tag's. */
export function reserve(name: string): boolean {
  if (!before[name]) {
    const others = own().concat(Object.keys(counting).filter((key) => isNaN(+key)));
    if (others.includes(name)) return false;
    before[name] = others.filter((other) => FOREIGN.test(name + other));
    counting[name] = 1;
  }
  return true;
}

/** Asks which of the names are one site: a number for each, 0 for none; equal numbers are one site. */
async function numbers(names: string[]): Promise<number[]> {
  const asked = new URL("/api/tags", origin);
  asked.search = "" + new URLSearchParams({ names: names.join(), host: location.hostname });
  const answer = await fetch(asked, { credentials: "omit" });
  return answer.json();
}

/** Finds out whether this tag counts the page views of a name. */
function claim(name: string, told: Told): void {
  const known = decided[name];
  if (Array.isArray(known)) known.push(told);
  else if (known != null) told(known);
  else if (!reserve(name)) told((decided[name] = false));
  else if (before[name][0] && silent()) told(false);
  else {
    const waiting: Told[] = (decided[name] = [told]);
    const decide = (counted: boolean) => {
      decided[name] = counted;
      if (counted) sites.push(name);
      waiting.forEach((one) => one(counted));
    };
    if (!before[name][0]) return decide(true);
    numbers([name, ...before[name]]).then(
      ([mine, ...theirs]) => decide(!!mine && !theirs.includes(mine)),
      // somebody counts, and perhaps for the same site
      () => decide(false),
    );
  }
}

/** Counts one page for the names that nobody else counts it for; `seen` is told for which. */
export function view(names: string[], options: Options = {}, seen?: (to: string) => void): void {
  const u = options.u || options.url || location.href;
  const callback = once(options.callback);
  settle();
  current = u;
  let now: string[] | undefined = [];
  const count = (to: string) => {
    if (current == u) attend(u);
    send("pageview", { ...options, u, callback, to });
    seen?.(to);
  };
  for (const name of names) {
    claim(name, (counted) => {
      if (!counted) callback();
      else if (now) now.push(name);
      else count(name);
    });
  }
  const to = now.join();
  now = undefined;
  if (to) count(to);
}

/** An event that the page's code did not ask for: for the sites whose pages are counted. */
export const happened: Send = (name, options) => {
  if (sites[0]) send(name, options);
};

/** Calls `moved` when the page moves without loading, with `true` when it comes back from the browser's page cache. */
export function follow(moved: (again?: boolean) => void, replacing?: boolean): void {
  for (const way of (replacing ? ["pushState", "replaceState"] : ["pushState"]) as ("pushState" | "replaceState")[]) {
    const move = history[way];
    history[way] = (...to) => {
      move.apply(history, to);
      moved();
    };
  }
  addEventListener("popstate", () => moved());
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) moved(true);
  });
}
