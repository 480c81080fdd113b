/**
 * Parameters of Google's events as ours: the page, properties and revenue. What tells people, visits
 * or orders apart is left out, and so is what steers the sender.
 */
import type { Options } from "./send";

export type Params = Record<string, any>;

/** Parameters that are no properties. */
const NOT_KEPT = new RegExp(
  "^(send_to|groups|send_page_view|update|event_(callback|timeout)|non_interaction|page_(location|path|referrer|title)|items|" +
    "transport_.*|server_container_url|first_party_.*|debug_mode|cookie_.*|anonymize_ip|allow_.*|linker|conversion_linker|" +
    "engagement_time_msec|timestamp_micros|traffic_type|ignore_referrer|developer_id.*|gtm\\..*|user_(data|properties)|" +
    "(transaction|order)_id|ga_session_.*|session_(id|number)|language|screen_resolution)$",
);
/** Names under which pages give away who somebody is. */
const WHO = /(user|client|customer|visitor|member|account|contact|login)_?(id|data|name)|e_?mail|phone|address/i;
/** Events with money, and whether it comes or goes. */
const SALES: Record<string, number> = { purchase: 1, refund: -1 };

/** The address of the page that parameters name. */
export function address({ page_location, page_path }: Params): string {
  try {
    const base = new URL(page_location || location.href, location.href);
    return new URL(page_path || base, base).href;
  } catch {
    return location.href;
  }
}

/** Properties, revenue and the count of items of an event. */
export function outcome(name: string, params: Params): Options {
  const { items, value, currency } = params;
  const props: Params = {};
  for (const [key, given] of Object.entries(params)) {
    if (!NOT_KEPT.test(key) && !WHO.test(key) && given != null && Object(given) !== given) props[key] = given;
  }
  let revenue: Options["revenue"];
  const amount = SALES[name] < 0 ? -Math.abs(value) : value;
  if (SALES[name] && currency && value != null && !isNaN(amount)) {
    revenue = { amount, currency };
    delete props.value;
    delete props.currency;
  }
  if (items?.length) props.items = items.length;
  const interactive = params.non_interaction ? false : undefined;
  return { props, revenue, interactive };
}
