/**
 * How the page felt and what broke in it: `/js/vitals.js`, a file of its own beside the tracker,
 * for sites that want it. Numbers are told once, when the page is first hidden (later only those
 * that were not there yet); errors as templates, when they happen.
 *
 * Nothing says who it was: no property, no referrer, no query. A page taken back from the browser's
 * page cache is not measured again.
 */
import { measured } from "./measure";
import { left, transformed } from "./shape";
import { api, page, sets, silent } from "./silence";
import { template } from "./template";

/** Errors told of one page, at most. */
const ERRORS = 5;

const marks: Record<string, unknown> = (page.__headcount_vitals = page.__headcount_vitals || {});
/** The sites of this tag that no other copy of this file tells for. */
const sites = sets.domain!.split(",").filter((site) => !marks[site] && (marks[site] = 1));
const told = new Set<string>();
const seen = new Set<string>();

function tell(event: Record<string, unknown>): void {
  const u = location.origin + location.pathname;
  if (left(u)) return;
  const shaped = transformed({ d: sites.join(), u, ...event } as any);
  if (!shaped) return;
  const body = JSON.stringify(shaped);
  // what fails is lost
  fetch(api, { method: "POST", keepalive: true, credentials: "omit", body }).catch(() => {});
}

function leave(): void {
  // a page drawn ahead was not seen
  if ((document as any).prerendering || silent()) return;
  const fresh = Object.entries(measured()).filter(([name]) => !told.has(name));
  if (!fresh[0]) return;
  for (const [name] of fresh) told.add(name);
  tell({ n: "web_vitals", v: Object.fromEntries(fresh) });
}

function broke(reason: unknown): void {
  const t = template(reason);
  if (!t || seen.has(t) || seen.size >= ERRORS || silent()) return;
  seen.add(t);
  tell({ n: "js_error", t });
}

if (sites[0]) {
  addEventListener("visibilitychange", () => {
    if (document.hidden) leave();
  });
  // browsers that do not say "hidden" before they leave
  addEventListener("pagehide", leave);
  addEventListener("error", (event) => broke(event.error || event.message));
  addEventListener("unhandledrejection", (event) => broke(event.reason));
}
