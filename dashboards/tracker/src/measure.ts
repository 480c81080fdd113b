/**
 * LCP, INP, CLS, FCP and TTFB of the page, as https://web.dev/articles/vitals defines them: in
 * milliseconds since the visitor asked for the page (CLS has no unit).
 */

/** Layout shifts belong to one burst while gaps stay below the first, and all of it below the second (ms). */
const BURST_GAP = 1000;
const BURST_LENGTH = 5000;
/** Of this many interactions, the slowest one is not regarded. */
const INTERACTIONS_PER_OUTLIER = 50;
/** Slow interactions that are remembered: enough for 500 of them. */
const SLOW_KEPT = 10;
/** Faster ones are not told by the browser (ms; the least it offers is 16). */
const SLOW_FROM = 16;

interface Shift extends PerformanceEntry {
  value: number;
  hadRecentInput: boolean;
}
interface Interaction extends PerformanceEntry {
  interactionId: number;
}

const found: Record<string, number> = {};
const observers: [PerformanceObserver, (entry: any) => void][] = [];
/** When the page was first hidden: what was painted later was not waited for. */
let hidden = document.hidden && !(document as any).prerendering ? 0 : Infinity;

addEventListener("visibilitychange", (event) => {
  if (document.hidden) hidden = Math.min(hidden, event.timeStamp);
});

function navigation(): PerformanceNavigationTiming & { activationStart?: number } {
  return performance.getEntriesByType("navigation")[0] as PerformanceNavigationTiming;
}

/** Milliseconds from the visitor's wish to `time`; a page drawn ahead begins when it is shown. */
function since(time: number): number {
  return Math.max(0, Math.round(time - (navigation()?.activationStart || 0)));
}

function observe(type: string, take: (entry: any) => void, more?: object): void {
  if (!PerformanceObserver.supportedEntryTypes?.includes(type)) return;
  const observer = new PerformanceObserver((list) => list.getEntries().forEach(take));
  observer.observe({ type, buffered: true, ...more });
  observers.push([observer, take]);
}

observe("paint", ({ name, startTime }: PerformanceEntry) => {
  if (name == "first-contentful-paint" && startTime < hidden) {
    found.fcp = since(startTime);
    // what never moved is zero, where the browser would have told of it
    if (PerformanceObserver.supportedEntryTypes.includes("layout-shift")) found.cls = found.cls || 0;
  }
});

observe("largest-contentful-paint", ({ startTime }: PerformanceEntry) => {
  if (startTime < hidden) found.lcp = since(startTime);
});

let burst = 0;
let begun = 0;
let last = 0;

observe("layout-shift", ({ startTime, value, hadRecentInput }: Shift) => {
  if (hadRecentInput) return;
  const same = burst && startTime - last < BURST_GAP && startTime - begun < BURST_LENGTH;
  begun = same ? begun : startTime;
  burst = same ? burst + value : value;
  last = startTime;
  found.cls = Math.max(found.cls || 0, burst);
});

/** The slowest interactions, slowest first: number and duration. */
let slow: [number, number][] = [];
let least = Infinity;
let most = 0;

function interaction({ interactionId, duration }: Interaction): void {
  if (!interactionId) return;
  least = Math.min(least, interactionId);
  most = Math.max(most, interactionId);
  // several events (down, up, click) are one interaction, as long as its longest
  const before = slow.find(([id]) => id == interactionId)?.[1] || 0;
  slow = slow.filter(([id]) => id != interactionId);
  slow.push([interactionId, Math.max(before, duration)]);
  slow = slow.sort((a, b) => b[1] - a[1]).slice(0, SLOW_KEPT);
  // browsers that do not count interactions give them numbers about seven apart
  const count = (performance as any).interactionCount || (most - least) / 7 + 1;
  found.inp = slow[Math.min(slow.length - 1, Math.floor(count / INTERACTIONS_PER_OUTLIER))][1];
}

observe("event", interaction, { durationThreshold: SLOW_FROM });
observe("first-input", interaction);

/** All that is known by now; a metric that the browser does not know is left out. */
export function measured(): Record<string, number> {
  for (const [observer, take] of observers) observer.takeRecords().forEach(take);
  const { responseStart } = navigation() || {};
  if (responseStart) found.ttfb = since(responseStart);
  const shown = { ...found };
  if ("cls" in shown) shown.cls = Math.round(shown.cls * 1e4) / 1e4;
  if ("inp" in shown) shown.inp = Math.round(shown.inp);
  return shown;
}
