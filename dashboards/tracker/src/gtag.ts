/**
 * `/gtag/js` (and the older `/analytics.js`, `/ga.js`): what a site's Google Analytics snippet loads
 * after its host was changed. It replays `dataLayer` and takes its place: `gtag()` calls, plain
 * objects as tag managers push them, and the older `ga()` and `_gaq`.
 *
 * Each `G-…` is the name of a site, `ga4:G-…`. Advertising ids (`AW-…`) are none: what is meant for
 * them goes nowhere, and calls back. Accepted and without effect: `js`, titles, cookie settings, linkers,
 * user properties, everything about advertising.
 */
import "./gtag-tag";
import { consented, grant, hold, refuse } from "./consent";
import { distinct, follow, named, view } from "./pages";
import type { Options } from "./send";
import { page, tag } from "./silence";
import { address, outcome, type Params } from "./gtag-params";
import { search, watchPage } from "./gtag-automatic";
import { legacy } from "./gtag-legacy";
import { once, tried } from "./stand";

/** A page. */
const PAGE_VIEW = "page_view";
/** Ids that name a site. */
const ID = /^(G|GT|UA)-/;
/** A callback is called after this time at the latest, unless its caller says otherwise (milliseconds). */
const CALLBACK_MS = 2000;
/** What Google's script says by itself; ours knows no ids to say it of. */
const DERIVED = /^(session_start|first_visit|user_engagement|engagement|web_vitals|js_error)$/;

interface Target {
  params: Params;
  groups: string[];
  /** page views by itself, also when the page moves without loading */
  automatic?: boolean;
  /** the path that a move was counted for */
  moved?: string;
  /** the address that was counted last */
  viewed?: string;
}
const targets: Record<string, Target> = {};
const globals: Params = {};
let path = location.pathname;

const query = new URL(tag.src || document.baseURI).searchParams;

/** The ids that an event is for. */
function aims(to: string | string[] | undefined): string[] {
  const found = new Set<string>();
  for (const one of ([] as string[]).concat(to || "default")) {
    const id = ("" + one).split("/")[0];
    if (ID.test(id)) found.add(id);
    for (const known of Object.keys(targets)) if (targets[known].groups.includes(one)) found.add(known);
  }
  return [...found];
}

/** What an event is for one id. */
function told(id: string, name: string, params: Params): Options & { u: string } {
  const all = { ...globals, ...targets[id]?.params, ...params };
  return { u: address(all), referrer: all.page_referrer, ...outcome(name, all) };
}

/** One page of one site. */
function viewed(id: string, params: Params, done?: () => void): void {
  const target = targets[id];
  const options = { ...told(id, PAGE_VIEW, params), callback: done };
  const seen = new URL(options.u).pathname;
  // a router that counts what it has just moved to
  const again = target?.moved == seen;
  if (target) {
    target.moved = undefined;
    target.viewed = options.u;
  }
  path = seen;
  if (again) done?.();
  else consented(() => view(["ga4:" + id], options, (to) => search(options.u, to)), done, id);
}

/** One event for some ids: once for each site that they are. */
function happens(name: string, ids: string[], params: Params, done: () => void): void {
  const names = ids.map((id) => "ga4:" + id);
  const each = ids.map((id) => told(id, name, params));
  // who is told the same may be told at once: the server knows which of the names are one site
  const same = new Set(each.map((one) => JSON.stringify(one))).size == 1;
  const one = (at: number, to: string) => named(name, { ...each[at], callback: done, to });
  const act = () => {
    if (same) return one(0, names.join());
    distinct(names, [], (sites) => {
      if (!sites[0]) done();
      for (const to of sites) one(names.indexOf(to), to);
    });
  };
  consented(act, done);
}

/** The callback of a call: called in any case, and once. */
function callback(params: Params, id?: string): () => void {
  const done = once<[]>(() => tried(() => params.event_callback?.(id)));
  if (params.event_callback) setTimeout(done, params.event_timeout || CALLBACK_MS);
  return () => done();
}

/** An event for all it is meant for; `page_view` is a page. */
export function event(name: string, params: Params = {}): void {
  const ids = aims(params.send_to);
  const done = callback(params, ids[0]);
  if (!ids[0] || DERIVED.test(name)) done();
  else if (name == PAGE_VIEW) for (const id of ids) viewed(id, params, done);
  else happens(name, ids, params, done);
}

/** Names a site, and counts its page unless told not to. */
export function config(id: string, params: Params = {}, automatic = true): void {
  const done = callback(params, id);
  if (!ID.test(id)) return done();
  const known = targets[id];
  const target = (targets[id] = known || { params: {}, groups: [] });
  target.params = { ...target.params, ...params };
  target.groups = target.groups.concat(params.groups || (known ? [] : "default"));
  if (params.send_page_view == false || !automatic || params.update) return done();
  // who has once said that the page counts itself goes on to do so
  if (target.params.send_page_view != false) target.automatic = true;
  // a tag that stands twice on a page
  if (target.viewed == address({ ...globals, ...target.params })) done();
  else viewed(id, {}, done);
}

/** Parameters for all events, or for those of one target. */
export function set(name: string | Params, value?: any): void {
  if (typeof name != "string") Object.assign(globals, name);
  else if (targets[name]) Object.assign(targets[name].params, value);
  else globals[name] = value;
}

/**
 * What callers ask for ids is invented, each time anew; of a click there is none. What the page set
 * itself is told back.
 */
function get(id: string, name: string, told?: (value: unknown) => void): void {
  const random = () => Math.ceil(Math.random() * 2 ** 31);
  const ids: Params = {
    client_id: `${random()}.${random()}`,
    session_id: "" + random(),
    session_number: "1",
    gclid: "",
  };
  const value = name in ids ? ids[name] : (targets[id]?.params[name] ?? globals[name]);
  setTimeout(() => tried(() => told?.(value)));
}

let asked = false;

/**
 * `analytics_storage` decides; the others are about advertising. Where a default differs between
 * regions a no counts everywhere: where the visitor is, is not looked up.
 */
function consent(when: string, { analytics_storage: analytics, wait_for_update: wait, region }: Params = {}): void {
  if (when == "update") {
    asked = asked || !!analytics;
    if (analytics == "granted") grant();
    else if (analytics) refuse();
  } else if (analytics == "denied") {
    asked = true;
    hold();
  } else if (wait > 0 && !region && !asked) {
    hold();
    setTimeout(() => asked || grant(), wait);
  }
}

const verbs: Record<string, (...given: any[]) => void> = { config, event, set, get, consent };

/** A plain object: an event, with what it sells; variables alone are the tag manager's. */
function pushed({ event: name, ecommerce, eventCallback, eventTimeout, ...rest }: Params): void {
  if (typeof name != "string" || /^gtm\./.test(name)) {
    tried(() => eventCallback?.());
    return;
  }
  if (!Object.keys(targets)[0]) config(query.get("id") || "", {}, false);
  event(name, { ...rest, ...ecommerce, event_callback: eventCallback, event_timeout: eventTimeout });
}

function handle(entry: any): void {
  tried(() => {
    if (typeof entry == "function") entry.call({ get: () => {}, set: () => {}, reset: () => {} });
    else if (entry && typeof entry[0] == "string") {
      const [verb, ...given] = entry as any[];
      if (Object.prototype.hasOwnProperty.call(verbs, verb)) verbs[verb](...given);
    } else if (entry && entry.length == null) pushed(entry);
  });
}

function start(): void {
  const name = query.get("l") || "dataLayer";
  const layer: any[] = (page[name] = page[name] || []);
  // a second tag names a further id, which `config` has named or will
  if ((layer as any).__headcount) return;
  (layer as any).__headcount = true;
  const push = layer.push;
  layer.push = (...entries) => {
    const length = push.apply(layer, entries);
    entries.forEach(handle);
    return length;
  };
  layer.slice().forEach(handle);
  legacy({ config, event, set });
  follow((again) => {
    const now = location.pathname;
    if (now == path && !again) return;
    path = now;
    for (const id of Object.keys(targets)) {
      const target = targets[id];
      if (!target.automatic) continue;
      // the address that was given was that of the page before
      const { page_path, page_location, ...params } = target.params;
      target.params = params;
      target.moved = undefined;
      viewed(id, { page_path: undefined, page_location: undefined });
      target.moved = now;
    }
  }, true);
  watchPage();
}

start();
