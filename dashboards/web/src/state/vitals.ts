/**
 * How quick pages are: five numbers that browsers measure, and what the public thresholds of Web
 * Vitals (https://web.dev/articles/vitals) call them.
 */
import { call } from "./api";
import { siteApi } from "./site";

export type MetricId = "lcp" | "inp" | "cls" | "fcp" | "ttfb";

export interface Vital {
  id: MetricId;
  short: string;
  name: string;
  means: string;
  /** good up to the first, poor beyond the second: milliseconds, CLS without unit */
  limits: [good: number, poor: number];
}

export const VITALS: Vital[] = [
  { id: "lcp", short: "LCP", name: "Largest part shown", means: "Until the largest text or picture of the page was there.", limits: [2500, 4000] },
  { id: "inp", short: "INP", name: "Response", means: "From a click or key to the next picture, nearly the slowest of a page.", limits: [200, 500] },
  { id: "cls", short: "CLS", name: "Shifting", means: "How much of the page moved by itself; 0 is nothing.", limits: [0.1, 0.25] },
  { id: "fcp", short: "FCP", name: "First part shown", means: "Until anything of the page was there.", limits: [1800, 3000] },
  { id: "ttfb", short: "TTFB", name: "First byte", means: "Until the server began to answer.", limits: [800, 1800] },
];

/** A row of `GET /api/sites/DOMAIN/vitals`. */
export interface Measured {
  metric: MetricId;
  group: string;
  events: number;
  p50: number;
  p75: number;
  p90: number;
  p99: number;
}

export const BY = [
  { id: "page", label: "Pages", head: "Page", dimension: "event:page" },
  { id: "device", label: "Devices", head: "Device", dimension: "visit:device" },
  { id: "country", label: "Countries", head: "Country", dimension: "visit:country" },
] as const;
export type By = (typeof BY)[number]["id"];

/** A row of `GET /api/sites/DOMAIN/script-errors`. */
export interface ScriptError {
  template: string;
  events: number;
  pages: number;
  browsers: number;
}

export type Verdict = "good" | "fair" | "poor";
export const VERDICTS: Record<Verdict, string> = { good: "Good", fair: "Needs improvement", poor: "Poor" };

export function verdict({ limits: [good, poor] }: Vital, value: number): Verdict {
  return value <= good ? "good" : value <= poor ? "fair" : "poor";
}

const whole = new Intl.NumberFormat();
const seconds = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const round = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });
const shift = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 3 });

/** Digits and unit: "1.92" "s", "480" "ms", "0.021" "". */
export function measure(id: MetricId, value: number): [digits: string, unit: string] {
  if (id === "cls") return [shift.format(value), ""];
  return value < 1000 ? [whole.format(Math.round(value)), "ms"] : [seconds.format(value / 1000), "s"];
}

export function measureText(id: MetricId, value: number): string {
  return measure(id, value).join(" ").trim();
}

/** A limit, which is a round number: "2.5 s". */
export function limitText(id: MetricId, value: number): string {
  if (id === "cls") return round.format(value);
  return value < 1000 ? `${round.format(value)} ms` : `${round.format(value / 1000)} s`;
}

async function rows<T>(domain: string, what: string, stop: AbortSignal): Promise<T[]> {
  return (await call<{ rows: T[] }>(siteApi(domain, what), undefined, stop)).rows;
}

export function vitals(domain: string, from: string, to: string, by: By | null, stop: AbortSignal): Promise<Measured[]> {
  return rows(domain, `vitals?from=${from}&to=${to}${by ? `&by=${by}` : ""}`, stop);
}

export function scriptErrors(domain: string, from: string, to: string, stop: AbortSignal): Promise<ScriptError[]> {
  return rows(domain, `script-errors?from=${from}&to=${to}`, stop);
}
