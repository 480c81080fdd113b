/**
 * How the page felt and what broke in it: `/js/vitals.js`, a file of its own beside the tracker,
 * for sites that want it. Numbers are told once, of the page that was loaded, when it is first hidden
 * (later only those that were not there yet); errors as templates, when they happen and of the page
 * then in view.
 *
 * Nothing says who it was: no property, no referrer, no query. A page taken back from the browser's
 * page cache is not measured again.
 */
import { measured } from "./measure";
import { shape } from "./shape";
import { api, domains, page, silent } from "./silence";
import { template } from "./template";

/** Errors told of one page, at most. */
const ERRORS = 5;

const marks: Record<string, unknown> = (page.__headcount_vitals = page.__headcount_vitals || {});
/** The sites of this tag that no other copy of this file tells for. */
const sites = domains().filter((site) => !marks[site] && (marks[site] = 1));
const told = new Set<string>();
const seen = new Set<string>();

/** The page in view, without query and fragment. */
function address(): string {
  return location.origin + location.pathname;
}

/** The page that was loaded: the numbers are its own, wherever the site's code has moved since. */
const loaded = address();

function tell(n: string, u: string, more: object): void {
  const body = shape({ d: sites.join(), u, n, ...more });
  // what fails is lost
  if (body) fetch(api, { method: "POST", keepalive: true, credentials: "omit", body }).catch(() => {});
}

function leave(): void {
  // a page drawn ahead was not seen
  if ((document as any).prerendering || silent()) return;
  const fresh = Object.entries(measured()).filter(([name]) => !told.has(name));
  if (!fresh[0]) return;
  for (const [name] of fresh) told.add(name);
  tell("web_vitals", loaded, { v: Object.fromEntries(fresh) });
}

function broke(reason: unknown): void {
  const t = template(reason);
  if (!t || seen.has(t) || seen.size >= ERRORS || silent()) return;
  seen.add(t);
  tell("js_error", address(), { t });
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
