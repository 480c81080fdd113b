/**
 * One event, from its name to the request. Here, and only here, it is decided whether anything is
 * sent at all; so a signal that arrives late (an opt-out set by the page) still counts.
 */

/** What a caller may add to an event. */
export interface Options {
  /** own properties of the event */
  props?: Record<string, unknown>;
  /** `false`: the event does not turn a bounce into a visit of two */
  interactive?: boolean;
  revenue?: { amount: number | string; currency: string };
  /** another address than the page's; `url` is the same, as Plausible's callers write it */
  u?: string;
  url?: string;
  /** share of the page seen, percent; engagement only */
  sd?: number;
  /** attention since the last report, milliseconds; engagement only */
  e?: number;
  callback?: (answer?: { status: number } | { error: unknown }) => void;
}

const tag = document.currentScript as HTMLScriptElement;
const sets = tag.dataset;
const api = sets.api || new URL(tag.src).origin + "/api/event";

/** Reads the reasons to stay silent, afresh for every event. */
function silent(): unknown {
  const page = window as any;
  const browser = navigator as any;
  try {
    if (localStorage.headcount_ignore === "true") return 1;
  } catch (refused) {
    // storage may be forbidden: then nobody has set the flag
  }
  return (
    browser.doNotTrack == "1" ||
    browser.globalPrivacyControl ||
    // an empty host name is a file
    (/^(localhost|127\..*|\[::1\])?$/.test(location.hostname) && sets.local == null) ||
    (!page.__headcount_automation && (browser.webdriver || page._phantom || page.__nightmare || page.Cypress))
  );
}

/** Sends one event, or calls back with nothing when it must not. */
export function send(name: string, options?: Options): void {
  const { callback, props, revenue, interactive, u, url, sd, e }: Options = options || {};
  const done = callback || (() => {});
  if ((document as any).prerendering) {
    // a page drawn ahead has not been seen; perhaps it never is
    document.addEventListener("prerenderingchange", () => send(name, options), { once: true });
  } else if (silent()) {
    done();
  } else {
    fetch(api, {
      method: "POST",
      // text/plain needs no preflight; keepalive lets the last event outlive the page
      headers: { "Content-Type": "text/plain" },
      keepalive: true,
      // a dashboard on the same host has a login cookie: it is none of the collector's business
      credentials: "omit",
      body: JSON.stringify({
        n: name,
        u: u || url || location.href,
        d: sets.domain,
        r: document.referrer || undefined,
        w: innerWidth,
        p: props,
        i: interactive,
        $: revenue,
        sd,
        e,
      }),
    }).then(
      (answer) => done({ status: answer.status }),
      (error) => done({ error }),
    );
  }
}
