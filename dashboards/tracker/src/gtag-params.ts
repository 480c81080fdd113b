/**
 * Parameters of Google's events as ours: the page, properties and revenue. What tells people, visits
 * or orders apart is left out, and so is what steers the sender.
 */
import { money } from "./money";
import type { Options } from "./send";

export type Params = Record<string, any>;

/** Parameters that are no properties. */
const NOT_KEPT = new RegExp(
  "^(send_to|groups|send_page_view|update|event_(callback|timeout)|non_interaction|page_(location|path|referrer|title)|items|" +
    "transport_.*|server_container_url|first_party_.*|debug_mode|cookie_.*|anonymize_ip|allow_.*|linker|conversion_linker|" +
    "engagement_time_msec|timestamp_micros|traffic_type|ignore_referrer|developer_id.*|gtm\\..*|uid|user_(agent|data|location|properties)|" +
    "campaign_.*|(transaction|order)_id|ga_session_.*|session_(id|number)|language|screen_resolution)$",
);
/** Names under which pages give away who somebody is. */
const WHO = /(user|client|customer|visitor|member|account|contact|login)_?(id|data|name)|e_?mail|phone|address/i;
/** Events with money, and whether it comes or goes. */
const SALES: Record<string, number> = { purchase: 1, refund: -1 };
/** What happens to a reader without a click: it makes no visit of two. */
const PASSIVE = /^(scroll|view_search_results|view_item|view_item_list|view_promotion)$/;
/** What an address that names its campaign has. */
const CAMPAIGN = /[?&](utm|mtm|pk|piwik)_/;

/** The address of the page that parameters name; with their campaign, where it has none. */
export function address(params: Params): string {
  try {
    const base = new URL(params.page_location || location.href, location.href);
    const named = new URL(params.page_path || base, base);
    if (!CAMPAIGN.test(named.search)) {
      for (const part of ["source", "medium", "name", "content", "term"]) {
        const said = params["campaign_" + part] || params.campaign?.[part];
        if (said) named.searchParams.set("utm_" + (part == "name" ? "campaign" : part), said);
      }
    }
    return named.href;
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
  const revenue = SALES[name] ? money(value, currency) : undefined;
  if (revenue) {
    if (SALES[name] < 0) revenue.amount = -Math.abs(+revenue.amount);
    delete props.value;
    delete props.currency;
  }
  if (items?.length) props.items = items.length;
  const interactive = params.non_interaction || PASSIVE.test(name) ? false : undefined;
  return { props, revenue, interactive };
}
