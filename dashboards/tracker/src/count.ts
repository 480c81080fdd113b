/**
 * `/count.js`: what a site's GoatCounter snippet loads after its host was changed.
 *
 * The code of the site is the first part of the host in `data-goatcounter` (`code.stats.example`);
 * without one the page's host says which site it is. Titles are read from nowhere; the page cannot
 * switch itself off by `#toggle-goatcounter`, as nothing is written to the browser.
 */
import "./count-tag";
import { named, returned, view } from "./pages";
import { page, sets, silent, tag } from "./silence";
import { first, tried } from "./stand";

/** Fewest parts of a host name whose first part may name a site. */
const HOST_LABELS_MIN = 3;
/** Parameters of an address that say what brought the visitor. */
const CAMPAIGN = new RegExp(
  "^((utm|mtm|pk|piwik)_.*|ref|source|.*clid|[gw]braid|li_fat_id|rdt_cid|epik|sccid|vmcid|dicbo|tblci|irclickid)$",
  "i",
);
/** The buttons of a mouse that open a link. */
const BUTTONS = [0, 1];

type Text = string | null | undefined;
interface Vars {
  /** the page, or the name of an event */
  path?: Text | ((path: string) => Text);
  title?: unknown;
  referrer?: Text | ((referrer: string) => Text);
  event?: boolean;
}
interface Counter {
  path?: string;
  type?: "html" | "svg" | "png";
  append?: string;
  attr?: Record<string, string>;
  style?: string;
  start?: string;
  end?: string;
  no_branding?: boolean;
}

/** The settings: those of the page's object, else those of the tag. */
const own: Record<string, any> = (page.goatcounter = page.goatcounter || {});
tried(() => Object.assign(own, { ...JSON.parse(sets.goatcounterSettings || "{}"), ...own }));
if (own.allow_local) sets.local = "";

/** The address to which GoatCounter's own script would send. */
function endpoint(): URL {
  const base = tag.src || document.baseURI;
  try {
    return new URL(own.endpoint || sets.goatcounter || "/count", base);
  } catch {
    return new URL("/count", base);
  }
}

function site(): string {
  const { hostname } = endpoint();
  const labels = hostname.split(".");
  const isName = labels.length >= HOST_LABELS_MIN && !/^\[|^[\d.]+$/.test(hostname);
  return "goatcounter:" + (isName ? labels[0] : location.hostname);
}

/** The page in view: its canonical address where that is of this site, without the fragment. */
function canonical(): string {
  const link = document.querySelector<HTMLLinkElement>('link[rel="canonical"][href]');
  let place: URL | Location = location;
  if (link) {
    tried(() => {
      const named = new URL(link.href);
      if (named.hostname.replace(/^www\./, "") == location.hostname.replace(/^www\./, "")) place = named;
    });
  }
  return place.pathname + place.search || "/";
}

function text(given: Vars["path"], fallback: string): Text {
  return typeof given == "function" ? given(fallback) : given == null ? fallback : given;
}

/** What would be sent; no path: nothing is to be. */
function get_data(vars: Vars = {}): { p: Text; r: Text; e: boolean; q: string; s: number[] } {
  const referrer = vars.referrer === undefined ? own.referrer : vars.referrer;
  return {
    p: text(vars.path === undefined ? own.path : vars.path, canonical()),
    r: text(referrer, document.referrer),
    e: !!(vars.event || own.event),
    q: location.search,
    s: [innerWidth],
  };
}

/** Why nothing is counted, or `false`. */
function filter(): string | false {
  if (silent()) return "silent";
  if (!own.allow_frame && location !== parent.location) return "frame";
  return false;
}

function count(vars?: Vars): void {
  if (filter()) return;
  const { p: path, r: referrer, e: event } = get_data(vars);
  if (path == null || path === "") return;
  if (event) return named(path.replace(/^\/+/, ""), { referrer: referrer || undefined, to: site() });
  const page = new URL(path.replace(/^\/*/, "/"), location.origin);
  page.pathname = page.pathname.replace(/(.)\/+$/, "$1");
  // campaigns are those of the page's own address, where the path names none
  new URLSearchParams(location.search).forEach((value, name) => {
    if (CAMPAIGN.test(name) && !page.searchParams.has(name)) page.searchParams.append(name, value);
  });
  view([site()], { u: page.href, referrer: referrer || undefined });
}

/** The address of a picture that counts the same. */
function url(vars?: Vars): string | undefined {
  const { p, r, e, q } = get_data(vars);
  if (p == null) return;
  const to = new URL("/count", tag.src || document.baseURI);
  to.search = "" + new URLSearchParams({ p, r: r || "", e: "" + e, q, rnd: Math.random().toString(36).slice(2, 7) });
  return to.href;
}

const bound = new WeakSet<Element>();

/** Counts clicks of elements that the page marked. */
function bind_events(): void {
  for (const element of Array.from(document.querySelectorAll<HTMLElement>("[data-goatcounter-click]"))) {
    if (bound.has(element)) continue;
    bound.add(element);
    const used = (event: Event) => {
      if (!BUTTONS.includes((event as MouseEvent).button)) return;
      const { goatcounterClick, goatcounterReferrer } = element.dataset;
      const path = goatcounterClick || (element as HTMLInputElement).name || element.id;
      count({ event: true, path, referrer: goatcounterReferrer });
    };
    for (const type of ["click", "auxclick"]) element.addEventListener(type, used);
  }
}

/** A parameter of the page's address. */
function get_query(name: string): string | undefined {
  return new URLSearchParams(location.search).get(name) || undefined;
}

/** Shows how often a page was viewed. */
function visit_count(given: Counter = {}): void {
  const type = given.type || "html";
  const shown = document.createElement(type == "html" ? "iframe" : "img");
  const from = new URL(`/counter/${encodeURIComponent(given.path || canonical())}.${type}`, tag.src || document.baseURI);
  for (const name of ["start", "end", "style"] as const) if (given[name]) from.searchParams.set(name, given[name]!);
  if (given.no_branding) from.searchParams.set("no_branding", "1");
  const size = { width: "200", height: given.no_branding ? "60" : "80", scrolling: "no", frameborder: "0" };
  for (const [name, value] of Object.entries({ ...size, src: from.href, ...given.attr })) shown.setAttribute(name, value);
  document.querySelector(given.append || "body")?.append(shown);
}

function loaded(): void {
  if (!own.no_onload) tried(() => count());
  if (!own.no_events) bind_events();
}

if (first(site())) {
  // while both are tried beside each other, the page's calls are the older one's
  if (!own.count) Object.assign(own, { count, url, filter, bind_events, get_query, get_data, visit_count });
  if (document.body) loaded();
  else document.addEventListener("DOMContentLoaded", loaded);
  returned(() => {
    if (!own.no_onload) tried(() => count());
  });
}
