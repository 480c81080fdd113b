/**
 * Page views of the stand-ins. Several tools' tags may be on one page: each of them counts page views
 * (and what happens on pages by itself: links, scrolling, attention) for the sites that no tag before
 * it counts for. Which of their names are one site is asked of the server, and only by a tag that is
 * not the first. What the page's own code sends through a tool's functions always goes.
 */
import { attend, settle } from "./engagement";
import { counting, send, sites, type Options, type Send } from "./send";
import { silent, tag } from "./silence";
import { once, tried } from "./stand";

/** Our own script: it asks nobody, and counts for the domains of its tag. */
const OWN = /\/(js\/(script|full)|[sf])\.js(\?|$)/;
/** A name that another tool gave to a site, such as `ga4:G-ABC`; two domains are two sites. */
const FOREIGN = /:/;
/** Names that events of ours have; what the page's code calls so is none. */
export const RESERVED = /^\s*(pageview|engagement|web_vitals|js_error)?\s*$/;

/**
 * What a tag does for a name, beside page views: nothing more, the functions `plausible` and
 * `headcount` too, marked elements too.
 */
export type Part = "pages" | "calls" | "marks";
type Told = (counted: boolean) => void;

/** For each name of this tag the names that were there before it. */
const before: Record<string, string[]> = {};
/** Whether this tag counts page views for a name; while it asks, who wants to know. */
const decided: Record<string, boolean | Told[]> = {};
/** What was asked of the server, by names. */
const asked: Record<string, Promise<number[]>> = {};
/** The page in view. */
let current: string | undefined;

/** The origin of this file. */
const origin = new URL(tag.src || document.baseURI).origin;

/** Domains of our own tags in this page, whether their script has come or not; those that watch marks, if only they matter. */
function own(marks?: boolean): string[] {
  return Array.from(document.querySelectorAll<HTMLScriptElement>("script[data-domain]"))
    .filter(({ src, dataset }) => OWN.test(src) && dataset.manual == null && new URL(src).origin == origin)
    .filter(({ src, dataset }) => !marks || (/f(ull)?\.js/.test(src) && !/\btagged\b/.test(dataset.off || "")))
    .flatMap(({ dataset }) => dataset.domain!.split(","));
}

/** Those among other names that may be the same site. */
function alike(name: string, others: string[]): string[] {
  return others.filter((other) => other != name && FOREIGN.test(name + other));
}

function there(): string[] {
  return own().concat(Object.keys(counting).filter((key) => isNaN(+key)));
}

/** The names before one; of our own tags those that came into the page since, too. */
function earlier(name: string): string[] {
  return (before[name] || alike(name, there())).concat(alike(name, own()));
}

/** A page that is not parsed by then is counted all the same (milliseconds). */
const PARSED_MS = 3000;

/**
 * Does something when all tags that the page was written with are there; at the latest when the page is
 * left, or some seconds later: a script that hangs must not keep the page from being counted.
 */
function parsed(act: () => void): void {
  if (document.readyState != "loading") return act();
  const go = once<unknown[]>(() => tried(act));
  for (const type of ["DOMContentLoaded", "visibilitychange"]) {
    document.addEventListener(type, () => {
      if (type != "visibilitychange" || document.hidden) go();
    });
  }
  addEventListener("pagehide", go);
  setTimeout(go, PARSED_MS);
}

/** Tells the tags after this one that a name is taken; gives whether it is this tag's. */
export function reserve(name: string, part: Part = "pages"): boolean {
  if (!before[name]) {
    const others = there();
    if (others.includes(name)) return false;
    before[name] = alike(name, others);
    counting[name] = part;
  }
  return true;
}

/** Asks which of the names are one site: a number for each, 0 for none; equal numbers are one site. */
function numbers(names: string[]): Promise<number[]> {
  const url = new URL("/api/tags", origin);
  url.search = "" + new URLSearchParams({ names: names.join(), host: location.hostname });
  const ask = () =>
    fetch(url, { credentials: "omit" })
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(answer.status)))
      .catch((error) => {
        // what failed once is asked again the next time
        delete asked[url.href];
        throw error;
      });
  return (asked[url.href] = asked[url.href] || ask());
}

/** Tells which of the names are sites that neither an earlier one of them nor one of the others is. */
export function distinct(names: string[], others: string[], told: (names: string[]) => void): void {
  if (!(others[0] || names[1]) || silent()) return told(names);
  numbers([...others, ...names]).then(
    (found) => {
      const sites = found.slice(others.length);
      told(names.filter((_, at) => sites[at] && found.indexOf(sites[at]) == others.length + at));
    },
    // somebody else counts, and perhaps for the same site; names of this tag's own go together
    () => told(others[0] ? [] : names),
  );
}

/**
 * Tells for which of the names an event is to be sent that other tags hear of too, because the page's
 * functions call all of them or a mark is everybody's; `marks` for the latter.
 */
export function apart(names: string[], marks: boolean, told: (names: string[]) => void): void {
  const act = () => {
    const watching = marks ? own(true) : [];
    const hears = (other: string) => watching.includes(other) || (marks ? counting[other] == "marks" : counting[other] != "pages");
    const others = new Set(names.flatMap((name) => earlier(name)).filter(hears));
    if (others.size) distinct(names, [...others], told);
    else told(names);
  };
  if (FOREIGN.test(names.join())) parsed(act);
  else act();
}

/** Finds out whether this tag counts the page views of a name. */
function claim(name: string, told: Told): void {
  const known = decided[name];
  if (Array.isArray(known)) known.push(told);
  else if (known != null) told(known);
  // who may not count keeps nobody else from it
  else if (silent()) told(false);
  else if (!reserve(name)) told((decided[name] = false));
  else {
    const waiting: Told[] = (decided[name] = [told]);
    const others = new Set(earlier(name));
    const decide = (counted: boolean) => {
      decided[name] = counted;
      if (counted) sites.push(name);
      waiting.forEach((one) => one(counted));
    };
    if (others.size) distinct([name], [...others], ([mine]) => decide(!!mine));
    else decide(true);
  }
}

/** Counts one page for the names that nobody else counts it for; `seen` is told for which. */
export function view(names: string[], options: Options = {}, seen?: (to: string) => void): void {
  const u = options.u || options.url || location.href;
  const callback = once(options.callback);
  // our own tag may stand further down
  if (names.some((name) => decided[name] == null)) parsed(() => counted(names, { ...options, u, callback }, u, seen));
  else counted(names, { ...options, u, callback }, u, seen);
}

function counted(names: string[], options: Options, u: string, seen?: (to: string) => void): void {
  settle();
  current = u;
  let now: string[] | undefined = [];
  const count = (to: string) => {
    if (current == u) attend(u);
    send("pageview", { ...options, to });
    seen?.(to);
  };
  for (const name of names) {
    claim(name, (mine) => {
      if (!mine) options.callback?.();
      else if (now) now.push(name);
      else count(name);
    });
  }
  const to = now.join();
  now = undefined;
  if (to) count(to);
}

/** An event that the page's code names. One without a name is none, nor is one with a name of ours. */
export const named: Send = (name, options) => {
  if (name == null || RESERVED.test(name)) options?.callback?.();
  else send("" + name, options);
};

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
  returned(() => moved(true));
}

/** Calls `seen` when the page comes back from the browser's page cache. */
export function returned(seen: () => void): void {
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) seen();
  });
}
