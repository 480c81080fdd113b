/**
 * The chart's points from an answer: every hour of a day or every day of a range, with those that
 * are not over marked. Labels are compared as text, so a day of 23 or 25 hours needs no arithmetic.
 */
import type { Answer, Value } from "./api";
import { daysIn, longDay, nowIn, plusDays, shortDay, weekday } from "./days";
import { OTHER } from "./dimensions";
import { TOP, type MetricId } from "./metrics";
import type { View } from "./view";

export interface Bucket {
  label: string;
  /** null: nothing to compute, or not begun */
  value: Value;
  /** begun and not over */
  running: boolean;
  /** not begun */
  ahead: boolean;
  /** "14:00" or "5 Nov" */
  short: string;
  /** "Thursday, 5 November" or "14:00 to 15:00" */
  long: string;
  weekend: boolean;
}

export type Interval = "hour" | "day";

export function intervalOf(view: View): Interval {
  return view.span.days === 1 ? "hour" : "day";
}

function allLabels(view: View, answer: Answer): string[] {
  const { from, to } = view.span;
  const given = answer.meta.time_labels;
  if (intervalOf(view) === "day") {
    return given?.length ? given : Array.from({ length: daysIn(from, to) }, (_, index) => plusDays(from, index));
  }
  const hours = Array.from({ length: 24 }, (_, hour) => `${from} ${String(hour).padStart(2, "0")}:00:00`);
  if (!given?.length) return hours;
  if (to < view.today) return given;
  // the running day may be given only up to now: its hours to come are drawn as room
  const last = given.at(-1) ?? "";
  return [...given, ...hours.filter((hour) => hour > last)];
}

function hourWords(label: string): { short: string; long: string } {
  const hour = Number(label.slice(11, 13));
  const clock = (value: number) => `${String(value).padStart(2, "0")}:00`;
  return { short: clock(hour), long: `${clock(hour)} to ${clock(hour + 1)}` };
}

export function buckets(view: View, answer: Answer, metric: MetricId): Bucket[] {
  const interval = intervalOf(view);
  const isCount = TOP.find((one) => one.id === metric)?.count ?? true;
  const now = nowIn(view.site.timezone);
  const current = interval === "hour" ? now.hour : view.today;
  // a label can come twice on the day the clocks go back: each answers once, in order
  const found = new Map<string, Value[]>();
  for (const row of answer.results) {
    const label = row.dimensions[0] ?? "";
    found.set(label, [...(found.get(label) ?? []), row.metrics[0] ?? null]);
  }
  // What is withheld is a gap, not a zero: hours in "(other)", days that are left out.
  const isGap = (label: string) => found.has(OTHER) || (answer.meta.withheld_days ?? []).includes(label);
  return allLabels(view, answer).map((label): Bucket => {
    const ahead = label > current;
    const value = found.get(label)?.shift() ?? (isCount && !isGap(label) ? 0 : null);
    const words = interval === "hour" ? hourWords(label) : { short: shortDay(label, view.today), long: longDay(label) };
    return {
      label,
      value: ahead ? null : value,
      running: label === current,
      ahead,
      ...words,
      weekend: interval === "day" && [0, 6].includes(weekday(label)),
    };
  });
}

/** Steps that read well on an axis of durations (seconds). */
const DURATION_STEPS = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];

function niceStep(rough: number, metric: MetricId): number {
  if (metric === "visit_duration") return DURATION_STEPS.find((step) => step >= rough) ?? 14_400;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((one) => one * power >= rough) ?? 10) * power;
  const isCount = TOP.find((one) => one.id === metric)?.count;
  return isCount ? Math.max(1, Math.ceil(step)) : step;
}

/** Grid lines from zero, at most four above it; the last one holds the highest value. */
export function gridLines(highest: number, metric: MetricId): number[] {
  const top = highest > 0 ? highest : metric === "visit_duration" ? 60 : 4;
  const step = niceStep(top / 4, metric);
  const lines = Array.from({ length: Math.ceil(top / step - 1e-9) + 1 }, (_, index) => index * step);
  return metric === "bounce_rate" ? lines.filter((line) => line <= 100) : lines;
}

/** Which points are named below the chart, so that names do not touch. */
export function namedPoints(all: Bucket[], room: number): number[] {
  const most = Math.max(2, Math.floor(room / 80));
  const days = all.length <= 14 ? [1, 2, 4, 7] : [7, 14, 28, 56, 91, 182];
  const steps = all[0] && all[0].label.length > 10 ? [2, 3, 4, 6, 8, 12] : days;
  const step = steps.find((one) => Math.ceil(all.length / one) <= most) ?? Math.ceil(all.length / most);
  return all.flatMap((_, index) => (index % step === 0 ? [index] : []));
}
