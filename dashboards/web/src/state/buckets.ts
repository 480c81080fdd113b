/**
 * The chart's points from an answer: every minute, hour, day, week or month of the period, with
 * those that are not over marked. Labels are compared as text, so a day of 23 or 25 hours needs no
 * arithmetic.
 */
import type { Answer, Value } from "./api";
import { dayRange, daysIn, longDay, monthName, monthStart, nowIn, plusDays, shortDay, weekday, weekStart } from "./days";
import { OTHER } from "./dimensions";
import type { Interval } from "./interval";
import { TOP, type MetricId } from "./metrics";
import type { View } from "./view";

export interface Bucket {
  label: string;
  /** null: nothing to compute, or not begun */
  value: Value;
  /** the same place in the period compared with: its number, and when that was */
  before: Value;
  beforeWhen: string;
  /** begun and not over */
  running: boolean;
  /** a week or month that lies in the period only in part */
  part: boolean;
  /** not begun */
  ahead: boolean;
  /** "14:00" or "5 Nov" */
  short: string;
  /** "Thursday, 5 November" or "14:00 to 15:00" */
  long: string;
  weekend: boolean;
  /** the days it stands for, where it can be opened as a period of its own */
  opens: { from: string; to: string } | null;
}

/** Of a day by minutes the last three hours are drawn; more are a blur. */
export const LAST_MINUTES = 180;

const two = (value: number) => String(value).padStart(2, "0");

/** Every label from one to the last, by a step of days or months. */
function steps(first: string, last: string, next: (label: string) => string): string[] {
  const labels: string[] = [];
  for (let label = first; label <= last; label = next(label)) labels.push(label);
  return labels;
}

function hoursOf(day: string): string[] {
  return Array.from({ length: 24 }, (_, hour) => `${day} ${two(hour)}:00:00`);
}

/** The label of the bucket that is running, whatever the period. */
function currentLabel(interval: Interval, view: View): string {
  const now = nowIn(view.site.timezone);
  switch (interval) {
    case "minute":
      return `${now.day} ${now.minute}:00`;
    case "hour":
      return now.hour;
    case "day":
      return view.today;
    case "week":
      return weekStart(view.today);
    case "month":
      return monthStart(view.today);
  }
}

function allLabels(view: View, answer: Answer): string[] {
  const { from, to } = view.span;
  const given = answer.meta.time_labels ?? [];
  switch (view.interval) {
    case "minute": {
      const minutes = hoursOf(from).flatMap((hour) => Array.from({ length: 60 }, (_, m) => `${hour.slice(0, 14)}${two(m)}:00`));
      const now = currentLabel("minute", view);
      return (given.length ? given : minutes).filter((label) => label <= now).slice(-LAST_MINUTES);
    }
    case "hour": {
      // the running day may be given only up to now: its hours to come are drawn as room
      const last = given.at(-1) ?? "";
      const ahead = to === view.today ? hoursOf(to).filter((hour) => hour > last) : [];
      if (given.length) return [...given, ...ahead];
      return steps(from, to, (day) => plusDays(day, 1)).flatMap(hoursOf);
    }
    case "day":
      return given.length ? given : Array.from({ length: daysIn(from, to) }, (_, index) => plusDays(from, index));
    case "week":
      return given.length ? given : steps(weekStart(from), to, (day) => plusDays(day, 7));
    case "month":
      return given.length ? given : steps(monthStart(from), to, (day) => monthStart(day, 1));
  }
}

/** The days of a week or month that lie in the period. */
function daysOf(view: View, label: string): { from: string; to: string; part: boolean } {
  const last = view.interval === "week" ? plusDays(label, 6) : plusDays(monthStart(label, 1), -1);
  const from = label < view.span.from ? view.span.from : label;
  const to = last > view.span.to ? view.span.to : last;
  return { from, to, part: from !== label || (to !== last && to !== view.today) };
}

type Words = Pick<Bucket, "short" | "long" | "opens" | "part">;

function words(view: View, label: string): Words {
  const day = label.slice(0, 10);
  switch (view.interval) {
    case "minute":
      return { short: label.slice(11, 16), long: label.slice(11, 16), opens: null, part: false };
    case "hour": {
      const hour = Number(label.slice(11, 13));
      const clock = `${two(hour)}:00 to ${two(hour + 1)}:00`;
      if (view.span.days === 1) return { short: `${two(hour)}:00`, long: clock, opens: null, part: false };
      return { short: shortDay(day, view.today), long: `${longDay(day)}, ${clock}`, opens: { from: day, to: day }, part: false };
    }
    case "day":
      return { short: shortDay(day, view.today), long: longDay(day), opens: { from: day, to: day }, part: false };
    case "week": {
      const { from, to, part } = daysOf(view, label);
      const long = `${part ? "Part of a week" : "Week"}, ${dayRange(from, to, view.today)}`;
      return { short: shortDay(label, view.today), long, opens: { from, to }, part };
    }
    case "month": {
      const { from, to, part } = daysOf(view, label);
      const name = monthName(label, "long");
      const long = part ? `Part of ${name}, ${dayRange(from, to, view.today)}` : name;
      return { short: monthName(label, "short"), long, opens: { from, to }, part };
    }
  }
}

/** When a bucket of the period compared with was: "8 Oct", "8 Oct, 14:00", "October 2025". */
function whenBefore(interval: Interval, label: string, today: string): string {
  if (!label) return "";
  const day = label.slice(0, 10);
  if (interval === "hour") return `${shortDay(day, today)}, ${label.slice(11, 16)}`;
  if (interval === "month") return monthName(day, "long");
  return interval === "week" ? `week of ${shortDay(day, today)}` : shortDay(day, today);
}

/** What an answer says of each label: a number, 0 where nothing happened, null where it is not told. */
function valuesOf(answer: Answer, metric: MetricId): (label: string) => Value {
  const isCount = TOP.find((one) => one.id === metric)?.count ?? true;
  // a label can come twice on the day the clocks go back: each answers once, in order
  const found = new Map<string, Value[]>();
  for (const row of answer.results) {
    const label = row.dimensions[0] ?? "";
    found.set(label, [...(found.get(label) ?? []), row.metrics[0] ?? null]);
  }
  // What is withheld is a gap, not a zero: hours in "(other)", days that are left out.
  const hidden = new Set(answer.meta.withheld_days);
  const none = found.has(OTHER) || Boolean(answer.meta.withheld);
  return (label) => found.get(label)?.shift() ?? (isCount && !none && !hidden.has(label) ? 0 : null);
}

/** `other` is the answer for the period compared with; its buckets are matched by their place. */
export function buckets(view: View, answer: Answer, metric: MetricId, other: Answer | null = null): Bucket[] {
  const { interval } = view;
  const current = currentLabel(interval, view);
  const valueOf = valuesOf(answer, metric);
  const valueBefore = other ? valuesOf(other, metric) : () => null;
  const labelsBefore = other?.meta.time_labels ?? [];
  const byDay = interval === "day" || (interval === "hour" && view.span.days > 1);
  return allLabels(view, answer).map((label, index): Bucket => {
    const ahead = label > current;
    const value = valueOf(label);
    const labelBefore = labelsBefore[index];
    return {
      label,
      value: ahead ? null : value,
      before: labelBefore === undefined ? null : valueBefore(labelBefore),
      beforeWhen: whenBefore(interval, labelBefore ?? "", view.today),
      // a period that ended yesterday has no running week: it has a part of one
      running: label === current && view.span.to >= view.today,
      ahead,
      ...words(view, label),
      weekend: byDay && [0, 6].includes(weekday(label.slice(0, 10))),
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

/** Room that a name below the chart takes (pixels). */
const NAME_WIDTH = 80;

/** Which points are named below the chart, so that names do not touch. */
export function namedPoints(all: Bucket[], room: number): number[] {
  const most = Math.max(2, Math.floor(room / NAME_WIDTH));
  const hourly = (all[0]?.label.length ?? 0) > 10;
  const oneDay = all[0]?.label.slice(0, 10) === all.at(-1)?.label.slice(0, 10);
  // hours of several days are named where a day begins
  const places = all.flatMap((one, index) => (!hourly || oneDay || one.label.slice(11, 13) === "00" ? [index] : []));
  const minutes = hourly && oneDay && all.length > 30;
  const fine = minutes ? [10, 15, 30, 60, 120, 180, 240] : [1, 2, 3, 4, 6, 8, 12];
  const coarse = places.length <= 14 ? [1, 2, 3, 4, 7] : [7, 14, 28, 56, 91, 182];
  const weeks = all[0]?.opens !== null && all[0]?.opens?.from !== all[0]?.opens?.to;
  const sizes = hourly && oneDay ? fine : weeks ? [1, 2, 3, 4, 6, 8, 13, 26] : coarse;
  const step = sizes.find((one) => Math.ceil(places.length / one) <= most) ?? Math.ceil(places.length / most);
  return places.filter((_, index) => index % step === 0);
}
