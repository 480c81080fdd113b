/**
 * The periods a report can cover: their names, keys, what is asked of the server and which days
 * that means. `7d`, `28d` and `91d` end yesterday; `6mo` and `12mo` are whole months.
 */
import type { DateRange, Site } from "./api";
import { daysIn, isDay, monthStart, plusDays } from "./days";

export interface PeriodName {
  id: string;
  label: string;
  /** the key that chooses it; shown in the menu */
  key: string;
}

/** In the order of the menu; the groups are divided by a line. */
export const PERIODS: PeriodName[][] = [
  [
    { id: "day", label: "Today", key: "D" },
    { id: "yesterday", label: "Yesterday", key: "E" },
  ],
  [
    { id: "7d", label: "Last 7 days", key: "W" },
    { id: "28d", label: "Last 28 days", key: "F" },
    { id: "91d", label: "Last 91 days", key: "N" },
  ],
  [
    { id: "month", label: "Month to date", key: "M" },
    { id: "lastmonth", label: "Last month", key: "P" },
    { id: "year", label: "Year to date", key: "Y" },
    { id: "12mo", label: "Last 12 months", key: "L" },
    { id: "all", label: "All time", key: "A" },
  ],
];

/** What the address says about time. */
export interface Period {
  id: string;
  from: string | null;
  to: string | null;
}

/** The days a period means today. */
export interface Span {
  from: string;
  to: string;
  days: number;
  /** what the report API is asked for */
  asked: DateRange;
}

/** Today until a site has a week behind it, then 28 days. */
export function openingPeriod(site: Site, today: string): Period {
  return { id: daysIn(site.created, today) <= 7 ? "day" : "28d", from: null, to: null };
}

const known = new Map(PERIODS.flat().map((period) => [period.id, period]));

/** Reads `period`, `from` and `to`; anything unknown is the opening period. */
export function readPeriod(search: URLSearchParams, site: Site, today: string): Period {
  const id = search.get("period") ?? "";
  const from = search.get("from") ?? "";
  const to = search.get("to") ?? "";
  if (id === "custom" && isDay(from) && isDay(to) && from <= to) return { id, from, to };
  return known.has(id) ? { id, from: null, to: null } : openingPeriod(site, today);
}

export function periodLabel(period: Period): string {
  return known.get(period.id)?.label ?? "Custom range";
}

/** Works out the days. */
export function spanOf(period: Period, site: Site, today: string): Span {
  const span = (from: string, to: string, asked: DateRange = [from, to]): Span => ({
    from,
    to,
    days: daysIn(from, to),
    asked,
  });
  const yesterday = plusDays(today, -1);
  const thisMonth = monthStart(today);
  switch (period.id) {
    case "day":
      return span(today, today, "day");
    case "yesterday":
      return span(yesterday, yesterday);
    case "7d":
    case "28d":
    case "91d":
      return span(plusDays(today, -Number.parseInt(period.id, 10)), yesterday, period.id);
    case "month":
      return span(thisMonth, today, "month");
    case "lastmonth":
      return span(monthStart(today, -1), plusDays(thisMonth, -1));
    case "12mo":
      return span(monthStart(today, -12), plusDays(thisMonth, -1), "12mo");
    case "year":
      return span(today.slice(0, 4) + "-01-01", today, "year");
    case "all":
      return span(site.created < today ? site.created : today, today, "all");
    default:
      return span(period.from ?? today, period.to ?? today);
  }
}

/** The same number of days directly before (`-1`) or after (`1`); null beyond today. */
export function shifted(span: Span, steps: -1 | 1, today: string): Period | null {
  const from = plusDays(span.from, steps * span.days);
  const to = plusDays(span.to, steps * span.days);
  if (from > today) return null;
  return { id: "custom", from, to: to > today ? today : to };
}

/** A longer period than this one, for reports that have too few visitors to show. */
export function longerThan(span: Span): PeriodName | null {
  const next = span.days < 7 ? "7d" : span.days < 28 ? "28d" : span.days < 91 ? "91d" : span.days < 360 ? "12mo" : null;
  return next ? (known.get(next) ?? null) : null;
}
