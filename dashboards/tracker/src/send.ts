/**
 * One event, from its name to the request. It is sent once and never again: a lost event stays
 * lost, and nothing piles up in the page.
 */
import { complete, shape } from "./shape";
import { api, domains, page, sets, silent } from "./silence";

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
  callback?: (answer?: { status: number } | { error: unknown }) => void;
  /** in stand-ins: the sites it is for (a comma list), if not those whose pages are counted */
  to?: string;
  /** in stand-ins: another referrer than the page's */
  referrer?: string;
}

/** What is told about a page that was looked at. */
export interface Attention {
  /** share of the page seen, percent */
  sd: number;
  /** time since the last report, milliseconds */
  e: number;
}

export type Send = (name: string, options?: Options) => void;

/** Who counts, among all files and tags of this page; and a mark for each site that is counted for. */
export const counting: Send[] & Record<string, unknown> = (page.__headcount = page.__headcount || []);

/** The sites of this tag that no tag before it counts for. */
export const sites = domains().filter((site) => !counting[site] && (counting[site] = 1));

/** Sends one event, or calls back with nothing when it must not. */
export function send(name: string, options?: Options, attention?: Attention): void {
  const given: Options = options || {};
  if ((document as any).prerendering) {
    // a page drawn ahead has not been seen; perhaps it never is
    document.addEventListener("prerenderingchange", () => send(name, options, attention));
  } else if (silent()) {
    given.callback?.();
  } else {
    const event = () => ({
      n: name,
      u: given.u || given.url || location.href,
      d: (STAND_IN && given.to) || sites.join(),
      r: (STAND_IN && given.referrer) || document.referrer,
      w: innerWidth,
      p: given.props,
      i: given.interactive,
      $: given.revenue,
      ...attention,
    });
    const body = FULL ? shape(event(), complete) : undefined;
    if (FULL && !body) return given.callback?.();
    fetch(STAND_IN ? sets.api || api : api, {
      method: "POST",
      // the last event outlives the page
      keepalive: true,
      // a dashboard on the same host has a login cookie: it is none of the collector's business
      credentials: "omit",
      // a text, sent as text/plain: no preflight
      body: FULL ? body : JSON.stringify(event()),
    }).then(
      (answer) => given.callback?.({ status: answer.status }),
      (error) => given.callback?.({ error }),
    );
  }
}
