/**
 * `ga()` and `_gaq`: page views and events of Google's older scripts; the account (`UA-…`) is a
 * site's id as `G-…` is. Other hits, plug-ins and settings are accepted and do nothing.
 */
import type { Params } from "./gtag-params";
import { page } from "./silence";
import { tried } from "./stand";

interface Verbs {
  config: (id: string, params: Params, automatic: boolean) => void;
  event: (name: string, params: Params) => void;
  set: (name: string, value?: unknown) => void;
}

/** Fields of a hit, in the order in which a call may give them. */
const FIELDS: Record<string, string[]> = {
  pageview: ["page"],
  event: ["eventCategory", "eventAction", "eventLabel", "eventValue"],
};

/** Sends a hit of the older kind. */
function hit({ event }: Verbs, type: string, fields: Params, id: string | undefined): void {
  const common = {
    send_to: id,
    page_path: fields.page,
    page_location: fields.location,
    event_callback: fields.hitCallback,
    non_interaction: fields.nonInteraction,
  };
  for (const name of ["page_path", "page_location"] as const) if (!common[name]) delete common[name];
  if (type == "pageview") event("page_view", common);
  else if (type == "event") {
    event(fields.eventAction, {
      ...common,
      event_category: fields.eventCategory,
      event_label: fields.eventLabel,
      value: fields.eventValue,
    });
  } else tried(() => fields.hitCallback?.());
}

function analytics(verbs: Verbs): void {
  const name = page.GoogleAnalyticsObject || "ga";
  const held = page[name];
  /** the account of each tracker, and what was set for it */
  const trackers: Record<string, string> = {};
  const fields: Params = {};
  // who asks for an id is told an invented one
  const tracker = { get: () => "" + Math.random(), set: () => {}, send: (...given: any[]) => ga("send", ...given) };
  function ga(verb: any, ...given: any[]): void {
    if (typeof verb == "function") return tried(() => verb(tracker));
    const [, of, act] = /^(?:(.*)\.)?(.*)$/.exec(verb)!;
    const last = given[given.length - 1];
    const object: Params = Object(last) === last ? given.pop() : {};
    if (act == "create") {
      const id = object.trackingId || given.shift();
      trackers[object.name || given[1] || "t0"] = id;
      verbs.config(id, {}, false);
    } else if (act == "set") {
      Object.assign(fields, object, given[0] ? { [given[0]]: given[1] } : {});
    } else if (act == "send") {
      const type = object.hitType || given.shift();
      const named = Object.fromEntries((FIELDS[type] || []).map((field, at) => [field, given[at]]).filter(([, value]) => value != null));
      hit(verbs, type, { ...fields, ...named, ...object }, trackers[of || "t0"]);
    }
  }
  const calls = held?.q || [];
  page[name] = Object.assign((...given: any[]) => tried(() => ga(given[0], ...given.slice(1))), {
    loaded: true,
    create: (...given: any[]) => (ga("create", ...given), tracker),
    getAll: () => [tracker],
    getByName: () => tracker,
  });
  for (const call of calls) tried(() => ga(call[0], ...Array.from(call).slice(1)));
}

function gaq(verbs: Verbs): void {
  let account: string | undefined;
  function push(...calls: any[]): void {
    for (const call of calls) {
      tried(() => {
        if (typeof call == "function") return call();
        const [verb, first, action, label, value, passive] = call;
        const act = ("" + verb).split(".").pop();
        if (act == "_setAccount") verbs.config((account = first), {}, false);
        if (act == "_trackPageview") hit(verbs, "pageview", { page: first }, account);
        if (act == "_trackEvent") {
          const fields = { eventCategory: first, eventAction: action, eventLabel: label, eventValue: value };
          hit(verbs, "event", { ...fields, nonInteraction: passive }, account);
        }
      });
    }
  }
  const held = page._gaq || [];
  page._gaq = { push };
  push(...held);
}

/** Takes over both, where the page waits for them. */
export function legacy(verbs: Verbs): void {
  const name = page.GoogleAnalyticsObject || "ga";
  // a real function of somebody else's is left alone, and pages that ask whether there is one hear the truth
  if (page[name]?.q) analytics(verbs);
  if (Array.isArray(page._gaq)) gaq(verbs);
}
