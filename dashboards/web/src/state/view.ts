/**
 * What a report shows, read from the address: period, comparison, filters, metric and interval of
 * the chart, tabs, details. Writing goes the same way, through `viewHref`, so every state has an
 * address of its own.
 */
import { go } from "./address";
import type { Query, Site } from "./api";
import { readCompare, writeCompare, type Compare } from "./compare";
import { apiFilters, readFilters, writeFilters, type Filter } from "./filters";
import { chosenInterval, type Interval } from "./interval";
import { MARKS, PANELS } from "./lists";
import { TOP, type MetricId } from "./metrics";
import { readPeriod, spanOf, type Period, type Span } from "./period";

export interface View {
  site: Site;
  today: string;
  period: Period;
  span: Span;
  compare: Compare | null;
  filters: Filter[];
  metric: MetricId;
  interval: Interval;
  /** open tab of each panel */
  tabs: Record<string, string>;
  /** which mark of campaigns is listed */
  mark: string;
  /** properties of events named so far; the first one is listed */
  properties: string[];
  /** the panel whose details are open */
  details: string | null;
}

/** Names of properties that an address remembers. */
const MOST_PROPERTIES = 8;

export function readView(address: URL, site: Site, today: string): View {
  const search = address.searchParams;
  const period = readPeriod(search, site, today);
  const span = spanOf(period, site, today);
  const filters = readFilters(search);
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
    span,
    compare: readCompare(search, period),
    filters,
    metric,
    interval: chosenInterval(search.get("interval"), { span, today, filters, metric }),
    tabs,
    mark: MARKS.find((one) => one.id === search.get("campaigns"))?.id ?? "campaign",
    properties: search.getAll("property").filter(Boolean).slice(0, MOST_PROPERTIES),
    details: PANELS.some((panel) => panel.id === details) ? details : null,
  };
}

export type Change = Partial<Pick<View, "period" | "filters" | "metric" | "interval" | "details" | "compare" | "mark">> & {
  tab?: [panel: string, tab: string];
  /** the property to list */
  property?: string;
};

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
  if (change.compare !== undefined) writeCompare(search, change.compare);
  if (change.filters) writeFilters(search, change.filters);
  if (change.metric) search.set("metric", change.metric);
  if (change.interval) search.set("interval", change.interval);
  if (change.tab) search.set(...change.tab);
  if (change.mark) search.set("campaigns", change.mark);
  if (change.property) {
    const others = search.getAll("property").filter((one) => one && one !== change.property);
    search.delete("property");
    for (const name of [change.property, ...others].slice(0, MOST_PROPERTIES)) search.append("property", name);
  }
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
export function baseQuery(view: View, metrics: string[], filters: Filter[] = view.filters): Query {
  const query: Query = { site_id: view.site.domain, metrics, date_range: view.span.asked };
  if (filters.length > 0) query.filters = apiFilters(filters);
  return query;
}
