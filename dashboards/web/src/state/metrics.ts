/**
 * The numbers of a report: what they are called, how they are written, and why they are what they
 * are. Exact everywhere a reader can check them; short only along an axis.
 */
import type { Value } from "./api";

export type MetricId = "visitors" | "visits" | "pageviews" | "views_per_visit" | "bounce_rate" | "visit_duration" | "events";

export interface Metric {
  id: MetricId;
  name: string;
  /** in a sentence: "visitors per day" */
  plain: string;
  /** a count starts at 0 where nothing happened; a ratio has no value there */
  count: boolean;
  /** "Why this number" */
  why: string;
}

/** The six top numbers, in their order. */
export const TOP: Metric[] = [
  {
    id: "visitors",
    name: "Visitors",
    plain: "visitors",
    count: true,
    why: "Different visitors of each day. Someone who comes on three days counts three times: a visitor is forgotten at the site's midnight, so nobody can be followed to the next day.",
  },
  {
    id: "visits",
    name: "Visits",
    plain: "visits",
    count: true,
    why: "A visit is a run of events of one visitor without a gap of more than 30 minutes. It ends with the site's day.",
  },
  { id: "pageviews", name: "Pageviews", plain: "pageviews", count: true, why: "Every page seen, and every page seen again." },
  {
    id: "views_per_visit",
    name: "Views per visit",
    plain: "views per visit",
    count: false,
    why: "Pageviews divided by visits.",
  },
  {
    id: "bounce_rate",
    name: "Bounce rate",
    plain: "bounce rate",
    count: false,
    why: "Visits with one event that counts, out of all visits. Attention does not count here, nor do events marked as not interactive.",
  },
  {
    id: "visit_duration",
    name: "Visit duration",
    plain: "visit duration",
    count: false,
    why: "From the first to the last event of a visit, on average. A visit of one page lasts 0 seconds.",
  },
];

const TITLES: Record<string, string> = {
  visitors: "Visitors",
  visits: "Visits",
  pageviews: "Views",
  events: "Times",
  bounce_rate: "Bounce rate",
  visit_duration: "Duration",
  time_on_page: "Time on page",
  scroll_depth: "Scroll depth",
};

/** Head of a list's column. */
export function columnTitle(metric: string): string {
  return TITLES[metric] ?? metric;
}

/** What the visitors of several days are called. */
export const SUMMED = "Daily visitors, summed";

const whole = new Intl.NumberFormat();
const two = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const one = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const upToOne = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 2 });
const axis = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });

/** Exact below this; then "1.28bn" with the exact number in the title. */
const EXACT_BELOW = 100_000_000;

export function count(value: number): string {
  return whole.format(value);
}

/** A number in pieces: digits large, units small. */
export type Piece = { digits: string; unit: string };

function duration(seconds: number): Piece[] {
  const all = Math.round(seconds);
  const pad = (value: number) => String(value).padStart(2, "0");
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  if (h > 0) return [{ digits: String(h), unit: "h" }, { digits: pad(m), unit: "m" }];
  return [{ digits: String(m), unit: "m" }, { digits: pad(s), unit: "s" }];
}

/** Cuts a value into digits and units; nothing to compute is "–". */
export function pieces(metric: string, value: Value): Piece[] {
  // no page is read in no time at all: 0 stands for "never measured"
  const isNone = value === 0 && (metric === "time_on_page" || metric === "scroll_depth");
  if (value === null || isNone) return [{ digits: "–", unit: "" }];
  switch (metric) {
    case "views_per_visit":
      return [{ digits: two.format(value), unit: "" }];
    case "bounce_rate":
    case "scroll_depth":
      return [{ digits: upToOne.format(value), unit: "%" }];
    case "visit_duration":
    case "time_on_page":
      return duration(value);
    default:
      return [{ digits: value < EXACT_BELOW ? whole.format(value) : short.format(value), unit: "" }];
  }
}

/** A value as one text: "2m 08s". */
export function text(metric: string, value: Value): string {
  return pieces(metric, value)
    .map((piece) => piece.digits + piece.unit)
    .join(" ");
}

/** A value beside an axis: "4k", "2m". */
export function axisText(metric: string, value: number): string {
  if (metric === "visit_duration") {
    if (value >= 3600) return upToOne.format(value / 3600) + "h";
    return value >= 60 ? upToOne.format(value / 60) + "m" : `${value}s`;
  }
  if (metric === "bounce_rate") return upToOne.format(value) + "%";
  return axis.format(value);
}

/** A share of a whole, in percent. */
export function percent(part: number, of: number): string {
  if (of <= 0) return "–";
  const share = (part / of) * 100;
  return share > 0 && share < 0.1 ? "< 0.1%" : one.format(share) + "%";
}
