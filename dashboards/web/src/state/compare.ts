/**
 * Comparison with another period: what the address says, what is asked of the server, and how a
 * change is written. Only counts change by percent; a rate changes by points.
 */
import type { Answer, Query, Row, Value } from "./api";
import { TOP } from "./metrics";
import type { Period } from "./period";

export interface Compare {
  mode: "previous_period" | "year_over_year";
  /** days of the week against the same days of the week */
  weekday: boolean;
}

export const MODES: { id: Compare["mode"]; label: string }[] = [
  { id: "previous_period", label: "Previous period" },
  { id: "year_over_year", label: "Year before" },
];

/** "All time" has nothing before it. */
export function canCompare(period: Period): boolean {
  return period.id !== "all";
}

/** Reads `compare` and `match`. */
export function readCompare(search: URLSearchParams, period: Period): Compare | null {
  const mode = MODES.find((one) => one.id === search.get("compare"))?.id;
  return mode && canCompare(period) ? { mode, weekday: search.get("match") === "weekday" } : null;
}

export function writeCompare(search: URLSearchParams, compare: Compare | null): void {
  search.delete("compare");
  search.delete("match");
  if (!compare) return;
  search.set("compare", compare.mode);
  if (compare.weekday) search.set("match", "weekday");
}

/** Asks for the same numbers of the other period beside them. */
export function compared(query: Query, compare: Compare | null): Query {
  if (!compare) return query;
  const comparisons = { mode: compare.mode, match_day_of_week: compare.weekday };
  return { ...query, include: { ...query.include, comparisons } };
}

export interface Change {
  /** "9.3%", "2.1 points", "new" */
  text: string;
  way: "up" | "down" | "same";
  /** better or worse, where a metric has a good direction */
  sense: "good" | "bad" | "";
}

const oneDigit = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const noDigit = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });

/** From here on a digit behind the point says nothing more (percent). */
const COARSE_FROM = 10;

const size = (value: number) => (value < COARSE_FROM ? oneDigit : noDigit).format(value);

/** What became of a number; null where there is nothing to compare. */
export function changeOf(metric: string, now: Value, before: Value): Change | null {
  if (now === null || before === null) return null;
  const isRate = metric === "bounce_rate" || metric === "scroll_depth";
  if (now === before) return { text: isRate ? "0 points" : "0%", way: "same", sense: "" };
  const way = now > before ? "up" : "down";
  const sense = TOP.some((one) => one.id === metric) ? ((way === "down") === (metric === "bounce_rate") ? "good" : "bad") : "";
  const by = Math.abs(now - before);
  if (isRate) return { text: `${size(by)} points`, way, sense };
  return before === 0 ? { text: "new", way, sense: "" } : { text: `${size((by / before) * 100)}%`, way, sense };
}

/** The number of the other period beside one of a row. */
export function beforeOf(row: Row | undefined, index: number): Value {
  return row?.comparison?.metrics?.[index] ?? null;
}

/** The days compared with, as the server chose them. */
export function daysBefore(answer: Answer | null): [from: string, to: string] | null {
  const [from, to] = answer?.query?.comparison_date_range ?? [];
  return from && to ? [from.slice(0, 10), to.slice(0, 10)] : null;
}

/** Why there is no comparison, in words; null where there is one. */
export function noComparison(answer: Answer | null): string | null {
  const reason = answer?.meta.comparison_withheld;
  if (!reason) return null;
  const few = `under ${answer.meta.threshold ?? "the threshold of"} visitors`;
  return reason === "few_visitors_in_complement"
    ? `Not compared: in the other period these filters leave out ${few}.`
    : `Not compared: ${few} in the other period.`;
}
