/**
 * `/matomo.js` and `/piwik.js`: what a site's Matomo snippet loads after its host was changed. It
 * replays `_paq` and takes its place; `Matomo` (and `Piwik`) give trackers to pages that ask for them.
 *
 * The number of a site is its name, `matomo:1`. Nothing is kept in the browser but the visitor's own
 * opt-out, so consent that Matomo would remember is asked for on each page (`rememberConsentGiven` is
 * `setConsentGiven`). `setCurrency` is ours: with it amounts are revenue.
 *
 * Beside Matomo's own script it does nothing: `_paq` is the first one's that comes.
 *
 * Every other verb is accepted and does nothing, among them: `setTrackerUrl` (events go where this file
 * came from), `setDocumentTitle`, `setUserId`, `resetUserId`, `setVisitorId`, all about cookies (there
 * are none), `setDoNotTrack` (it is always obeyed), `enableHeartBeatTimer`, `ping` and
 * `setLinkTrackingTimer` (attention is measured, and links do not wait), `setDomains`,
 * `enableCrossDomainLinking`, `trackAllContentImpressions` and its like, settings of campaigns.
 */
import "./matomo-tag";
import { consented, grant, hold, refuse } from "./consent";
import { watch } from "./elements";
import { ACTIONS, order, product, type Props } from "./matomo-events";
import { happened, named, returned, view } from "./pages";
import type { Options } from "./send";
import { isOn, page, tag } from "./silence";
import { once, stand, tried } from "./stand";

/** Where a visitor's wish is kept, as `/js/opt-out.js` keeps it. */
const KEY = "headcount_ignore";
/** Verbs that hold for whatever the queue of the page holds before them. */
const FIRST = /^(setSiteId|addTracker|requireConsent|optUserOut|(set|add)DownloadExtensions)$/;
/** A custom dimension's number. */
const DIMENSION = /^[1-9]\d{0,2}$/;

/** The visitor's own wish; where it cannot be kept it holds for this page. */
function wish(out: boolean): void {
  try {
    if (out) localStorage.setItem(KEY, "true");
    else localStorage.removeItem(KEY);
  } catch {
    page[KEY] = out;
  }
}

function wished(): boolean {
  try {
    return isOn(localStorage, KEY);
  } catch {
    return isOn(page, KEY);
  }
}

let watching = false;

function watchLinks(): void {
  if (watching) return;
  watching = true;
  watch((name, options) => {
    if (name != "404") happened(name, options);
  });
}

/** Endings of files as this file's tag would list them. */
function files(name: string, endings: string | string[]): void {
  const given = Array.isArray(endings) ? endings : endings.split("|");
  tag.dataset[name] = [name == "addFileTypes" ? tag.dataset[name] : "", ...given].join(" ");
}

type Tracker = Record<string, (...given: any[]) => any>;

/** What is counted when the page comes back from the browser's page cache: once for the same sites. */
const seenAgain: Record<string, () => void> = {};
returned(() => Object.values(seenAgain).forEach((again) => again()));

/** A tracker: its sites, and what was set for what it tells next. */
function tracker(first?: unknown): Tracker {
  const sites: string[] = [];
  const dimensions: Props = {};
  let items: Record<string, unknown> = {};
  let looked: any[] | undefined;
  let url: string | undefined;
  let referrer: string | undefined;
  let viewed: string | undefined;
  let currency: string | undefined;

  function site(id: unknown): void {
    // as a number: "01" is 1
    const name = "matomo:" + (Number(id) || id);
    if (id && !sites.includes(name)) sites.push(name);
  }
  site(first);

  /** The address that the page gave itself, whole. */
  function address(): string {
    try {
      return new URL(url || location.href, document.baseURI).href;
    } catch {
      return location.href;
    }
  }
  function told(name: string, { props, ...options }: Options, given: any[], pageview?: boolean): void {
    if (!sites[0]) return;
    const called = given.find((one) => typeof one == "function");
    const own = given.find((one) => Object(one) === one && !Array.isArray(one) && one != called);
    const callback = once<any[]>((answer) => tried(() => called?.(answer)));
    const dimensional = Object.fromEntries(Object.entries(own || {}).filter(([key]) => /^dimension\d+$/.test(key)));
    const whole = { u: address(), referrer, callback, ...options, props: { ...dimensions, ...dimensional, ...props } };
    const names = [...sites];
    const to = names.join();
    consented(() => (pageview ? view(names, whole) : named(name, { ...whole, to })), callback, pageview ? to : undefined);
  }

  const verbs: Tracker = {
    setSiteId: (id) => {
      sites.length = 0;
      site(id);
    },
    addTracker: (_, id) => site(id),
    setCustomUrl: (to) => (url = to),
    setReferrerUrl: (from) => (referrer = from),
    setCurrency: (code) => (currency = code),
    setCustomDimension: (number, value) => {
      if (DIMENSION.test(number)) dimensions["dimension" + number] = value;
    },
    deleteCustomDimension: (number) => delete dimensions["dimension" + number],
    getCustomDimension: (number) => dimensions["dimension" + number],
    setCustomVariable: (_, name, value) => (dimensions[name] = value),
    trackPageView: (...given) => {
      // a snippet that stands twice on a page
      if (document.readyState != "complete" && viewed == address()) return;
      viewed = address();
      seenAgain[sites.join()] = () => told("pageview", {}, [], true);
      told("pageview", {}, given, true);
      const seen = looked && product(looked);
      looked = undefined;
      if (seen) told(...seen, []);
    },
    setEcommerceView: (...given) => (looked = given),
    addEcommerceItem: (sku, ...item) => (items[sku] = item),
    removeEcommerceItem: (sku) => delete items[sku],
    clearEcommerceCart: () => (items = {}),
    getEcommerceItems: () => items,
    trackEcommerceOrder: (number, amount) => {
      told(...order(number, amount, Object.keys(items).length, currency), []);
      items = {};
    },
    trackEcommerceCartUpdate: (amount) => told(...order(undefined, amount, Object.keys(items).length, currency), []),
    enableLinkTracking: watchLinks,
    setDownloadExtensions: (endings) => files("fileTypes", endings),
    addDownloadExtensions: (endings) => files("addFileTypes", endings),
    requireConsent: hold,
    setConsentGiven: grant,
    rememberConsentGiven: grant,
    forgetConsentGiven: refuse,
    hasConsent: () => !stand.denied,
    optUserOut: () => wish(true),
    forgetUserOptOut: () => wish(false),
    isUserOptedOut: wished,
    getSiteId: () => (sites[0] || "").slice("matomo:".length),
    // an invented one, each time anew
    getVisitorId: () => Array.from({ length: 16 }, () => ((Math.random() * 16) | 0).toString(16)).join(""),
    getTrackerUrl: () => new URL("/matomo.php", tag.src || document.baseURI).href,
    getCurrentUrl: address,
    getUserId: () => "",
  };
  for (const verb of Object.keys(ACTIONS)) {
    verbs[verb] = (...given) => told(...ACTIONS[verb](given, currency), given);
  }
  // whatever else somebody asks a tracker for does nothing
  return new Proxy(verbs, {
    get: (known, name) => (typeof name == "symbol" || name == "then" ? undefined : known[name] || (() => {})),
  });
}

const main = tracker();

/** One entry of the queue: a verb with what it is given, or a function of the page's. */
function handle(entry: any): void {
  tried(() => {
    const [verb, ...given] = typeof entry == "function" ? [entry] : entry;
    if (typeof verb == "function") verb.apply(main, given);
    // `Other::verb` is for something that is not here
    else if (typeof verb == "string" && !verb.includes("::")) main[verb](...given);
  });
}

function start(): void {
  if (page.Matomo || page.Piwik) return;
  const none = () => {};
  const own = {
    initialized: true,
    getTracker: (_?: string, id?: unknown) => (id ? tracker(id) : main),
    getAsyncTracker: () => main,
    getAsyncTrackers: () => [main],
    addTracker: (_?: string, id?: unknown) => {
      main.addTracker(_, id);
      return main;
    },
    addPlugin: none,
    on: none,
    off: none,
    trigger: none,
  };
  page.Matomo = page.Piwik = page.AnalyticsTracker = own;
  for (const ready of ["matomoAsyncInit", "piwikAsyncInit"]) tried(() => page[ready]?.());
  const queue: any[] = Array.isArray(page._paq) ? page._paq : [];
  const isFirst = (entry: any) => FIRST.test(entry?.[0]);
  queue.filter(isFirst).forEach(handle);
  queue.filter((entry) => !isFirst(entry)).forEach(handle);
  page._paq = { push: (...entries: any[]) => entries.forEach(handle) };
}

start();
