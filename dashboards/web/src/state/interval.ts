/**
 * How fine a chart is drawn: by minute, hour, day, week or month. What makes sense depends on the
 * length of the period; one of them is chosen unless the address names another.
 */
import type { MetricId } from "./metrics";
import type { Span } from "./period";

export type Interval = "minute" | "hour" | "day" | "week" | "month";

/** In a switch, in a table's head. */
export const INTERVALS: Record<Interval, { many: string; head: string }> = {
  minute: { many: "Minutes", head: "Minute" },
  hour: { many: "Hours", head: "Hour" },
  day: { many: "Days", head: "Day" },
  week: { many: "Weeks", head: "Week" },
  month: { many: "Months", head: "Month" },
};

/** Longest period drawn by hour, and the longest that starts out by day and by week (days). */
const HOURS_UP_TO = 14;
const DAYS_AT_FIRST = 100;
const WEEKS_AT_FIRST = 400;
/** Longest period drawn by day at all: more points than that are no line. */
const DAYS_UP_TO = 800;
/** From here on weeks and months are worth drawing (days). */
const WEEKS_FROM = 14;
const MONTHS_FROM = 32;

/** Minutes exist while the day runs, for the whole site, and for what can be told of a minute. */
const BY_MINUTE: MetricId[] = ["visitors", "pageviews"];

interface Asked {
  span: Span;
  today: string;
  filters: unknown[];
  metric: MetricId;
}

/** The intervals that fit, finest first. */
export function intervalsFor({ span, today, filters, metric }: Asked): Interval[] {
  const { days } = span;
  const isToday = days === 1 && span.to === today;
  const fits: [Interval, boolean][] = [
    ["minute", isToday && filters.length === 0 && BY_MINUTE.includes(metric)],
    ["hour", days <= HOURS_UP_TO],
    ["day", days > 1 && days <= DAYS_UP_TO],
    ["week", days >= WEEKS_FROM],
    ["month", days >= MONTHS_FROM],
  ];
  return fits.filter(([, fit]) => fit).map(([interval]) => interval);
}

function atFirst(days: number): Interval {
  if (days === 1) return "hour";
  return days <= DAYS_AT_FIRST ? "day" : days <= WEEKS_AT_FIRST ? "week" : "month";
}

/** The interval to draw: the one asked for where it fits. */
export function chosenInterval(asked: string | null, view: Asked): Interval {
  return intervalsFor(view).find((one) => one === asked) ?? atFirst(view.span.days);
}
