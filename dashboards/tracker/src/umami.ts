/**
 * Umami's script as its tag writes it. The id of the website is the name of a site, `umami:UUID`.
 *
 * `umami.identify()` is accepted and keeps nothing, what `umami.getSession()` answers is random,
 * `data-do-not-track` is always on, and `data-fetch-credentials` never. `data-before-send` must answer at once: of a
 * promise nothing is sent.
 */
import { clicks, pages } from "./tags-parts";
import { money } from "./money";
import { named, RESERVED, view } from "./pages";
import type { Options } from "./send";
import { page, sets, tag } from "./silence";
import type { Event } from "./shape";
import { first, stand, tried } from "./stand";

type Data = Record<string, unknown>;
/** What Umami's callers and hooks know of an event. */
interface Payload {
  name?: string;
  url?: string;
  referrer?: string;
  data?: Data;
  [other: string]: unknown;
}

/** A fragment that is a page and not a place within one. */
const ROUTE = /#[/!]/;

/** Properties of objects within are named like `a.b`. */
function flat(data: Data | undefined, above = ""): Data {
  return Object.assign(
    {},
    ...Object.entries(data || {}).map(([name, value]) =>
      Object(value) === value && !Array.isArray(value) ? flat(value as Data, above + name + ".") : { [above + name]: value },
    ),
  );
}

/** Properties and revenue. */
function told(data: Data | undefined): Options {
  const { revenue: amount, currency, ...rest } = data || {};
  const revenue = money(amount, currency);
  return { props: flat(revenue ? rest : data), revenue };
}

function whole(address: string | undefined): string {
  try {
    return new URL(address || location.href, location.href).href;
  } catch {
    return location.href;
  }
}

/** Where events go by the tag's word; nothing where that is no address. */
function endpoint(host: string): string | undefined {
  try {
    return new URL("/api/event", new URL(host, location.href)).href;
  } catch {}
}

export function umami(website: string): void {
  const to = "umami:" + website;
  if (!first(to)) return;
  const hosts = sets.domains?.split(",").map((one) => one.trim());
  const elsewhere = !!hosts && !hosts.includes(location.hostname);
  const given = sets.hostUrl && endpoint(sets.hostUrl);
  if (given) sets.api = given;
  if (sets.tag) stand.props = { tag: sets.tag };

  const payload = (): Payload => ({
    website,
    screen: `${screen.width}x${screen.height}`,
    language: navigator.language,
    title: document.title,
    hostname: location.hostname,
    url: location.href,
    referrer: document.referrer,
    tag: sets.tag,
  });

  // the page's hook sees an event as Umami would send it; of attention only where it was is its business
  stand.transform = (event: Event) => {
    const hook = page[sets.beforeSend || ""];
    const own = !/^(pageview|engagement)$/.test(event.n);
    let out: Payload | undefined = { name: own ? event.n : undefined, url: event.u, referrer: event.r as string, data: event.p };
    if (typeof hook == "function") {
      out = hook("event", { ...payload(), ...out }) as Payload | undefined;
      // a page does not come of an event, nor an event of ours
      if (!out || "then" in out || (out.name && RESERVED.test(out.name))) return;
    }
    const n = event.n == "engagement" ? event.n : out.name || "pageview";
    const u = sets.excludeSearch == "true" ? whole(out.url).replace(/\?[^#]*/, "") : whole(out.url);
    return { ...event, n, u, r: out.referrer, p: out.data, h: ROUTE.test(u) && sets.excludeHash != "true" ? 1 : undefined };
  };

  /** An event, or a page where it has no name. */
  function count({ name, url, referrer, data }: Payload): Promise<unknown> {
    return new Promise((callback) => {
      if (elsewhere) return callback(undefined);
      const options = { u: whole(url), referrer, callback, ...told(data) };
      if (name) named(name, { ...options, to });
      else view([to], options);
    });
  }

  function track(what?: string | Payload | ((given: Payload) => Payload), data?: Data): Promise<unknown> {
    if (typeof what == "string") return count({ name: what, data });
    const given = typeof what == "function" ? what(payload()) : what || {};
    return given ? count(given) : Promise.resolve();
  }

  // while both are tried beside each other, the page's calls are the older one's
  page.umami = page.umami || {
    track,
    identify: () => Promise.resolve(),
    getSession: () => ({ website, sessionId: crypto.randomUUID?.(), visitId: crypto.randomUUID?.() }),
  };
  if (elsewhere || sets.autoTrack == "false") return;
  const path = () => location.pathname + (ROUTE.test(location.hash) && sets.excludeHash != "true" ? location.hash : "");
  pages([to], false, path);
  clicks("umami-event", "umami-event", (name, data) => tried(() => void track(name, data)));
  if (sets.performance == "true") vitals(to);
}

/** How the page felt is a file of its own. */
function vitals(domain: string): void {
  const script = document.createElement("script");
  script.src = new URL("/js/vitals.js", tag.src || document.baseURI).href;
  Object.assign(script.dataset, { domain, ...(sets.local != null && { local: "" }) });
  document.head.append(script);
}
