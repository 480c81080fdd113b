/**
 * What a report shows, read from the address: period, filters, metric of the chart, tabs, details.
 * Writing goes the same way, through `viewHref`, so every state has an address of its own.
 */
import { go } from "./address";
import type { Query, Site } from "./api";
import { PANELS } from "./dimensions";
import { apiFilters, filterText, readFilters, type Filter } from "./filters";
import { TOP, type MetricId } from "./metrics";
import { readPeriod, spanOf, type Period, type Span } from "./period";

export interface View {
  site: Site;
  today: string;
  period: Period;
  span: Span;
  filters: Filter[];
  metric: MetricId;
  /** open tab of each panel */
  tabs: Record<string, string>;
  /** the panel whose details are open */
  details: string | null;
}

export function readView(address: URL, site: Site, today: string): View {
  const search = address.searchParams;
  const period = readPeriod(search, site, today);
  const metric = TOP.find((one) => one.id === search.get("metric"))?.id ?? "visitors";
  const tabs: Record<string, string> = {};
  for (const panel of PANELS) {
    const asked = search.get(panel.id);
    tabs[panel.id] = (panel.tabs.find((tab) => tab.id === asked) ?? panel.tabs[0])?.id ?? "";
  }
  const details = search.get("details");
  return {
    site,
    today,
    period,
    span: spanOf(period, site, today),
    filters: readFilters(search),
    metric,
    tabs,
    details: PANELS.some((panel) => panel.id === details) ? details : null,
  };
}

export type Change = Partial<Pick<View, "period" | "filters" | "metric" | "details">> & { tab?: [panel: string, tab: string] };

/** The address of this view with a change made to it. */
export function viewHref(address: URL, change: Change): string {
  const search = new URLSearchParams(address.search);
  if (change.period) {
    search.set("period", change.period.id);
    for (const end of ["from", "to"] as const) {
      const day = change.period[end];
      if (day) search.set(end, day);
      else search.delete(end);
    }
  }
  if (change.filters) {
    search.delete("f");
    for (const filter of change.filters) search.append("f", filterText(filter));
  }
  if (change.metric) search.set("metric", change.metric);
  if (change.tab) search.set(...change.tab);
  if (change.details !== undefined) {
    if (change.details) search.set("details", change.details);
    else search.delete("details");
  }
  const query = readable(search);
  return address.pathname + (query ? "?" + query : "");
}

/** Paths and colons need no escaping in a query string, and are easier to read without. */
function readable(search: URLSearchParams): string {
  return search.toString().replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%2C", ",");
}

export function change(address: URL, what: Change): void {
  go(viewHref(address, what));
}

/** The question that all parts of a report share. */
export function baseQuery(view: View, metrics: string[]): Query {
  const query: Query = { site_id: view.site.domain, metrics, date_range: view.span.asked };
  if (view.filters.length > 0) query.filters = apiFilters(view.filters);
  return query;
}
