/**
 * What was not counted, in words: outcomes and reasons of the server, put into groups that a reader
 * can do something about.
 */
import { call } from "./api";
import { daysIn, monthStart, plusDays, weekStart } from "./days";
import { siteApi } from "./site";

/** A row of `GET /api/sites/DOMAIN/refusals`. */
export interface Refusal {
  day: string;
  outcome: string;
  /** a bot's name or sign, or which rule left it out; "" where the outcome says all */
  reason: string;
  /** what a crawler with a name is for */
  category?: string;
  events: number;
}

export async function refusals(domain: string, from: string, to: string, stop: AbortSignal): Promise<Refusal[]> {
  return (await call<{ rows: Refusal[] }>(siteApi(domain, `refusals?from=${from}&to=${to}`), undefined, stop)).rows;
}

export interface Line {
  name: string;
  means: string;
  events: number;
}

export interface Group {
  id: string;
  title: string;
  about: string;
  events: number;
  lines: Line[];
}

const GROUPS: Omit<Group, "events" | "lines">[] = [
  { id: "ai", title: "AI crawlers", about: "They say who they are. Your site's robots.txt can tell them what to leave alone." },
  { id: "crawlers", title: "Other crawlers with a name", about: "Search engines, previews of links, monitors and other programs that say who they are." },
  { id: "machines", title: "Machines without a name", about: "Requests that show signs of a program and do not say whose." },
  { id: "rules", title: "Left out by your rules", about: "What the settings of this site say." },
  { id: "spam", title: "Spam", about: "Visits that exist to be seen in reports." },
  { id: "trouble", title: "Could not be counted", about: "Requests that were wrong, too many, or came at a bad moment." },
];

/** What a crawler is for. */
const CATEGORIES: Record<string, string> = {
  ai_training: "gathers text that models are trained with",
  ai_search: "builds the index of a search that a model answers",
  ai_assistant: "fetches a page because somebody asked an assistant about it",
  search: "a search engine",
  seo: "looks at pages for people who want them found",
  monitoring: "looks whether pages are up and quick",
  social: "makes the preview of a link that somebody posted",
  feed: "reads feeds",
  other: "a program with a name",
};

const BOT_SIGNS: Record<string, [name: string, means: string]> = {
  headless: ["Headless browsers", "a browser that runs without a screen, or is driven by a program, and says so"],
  datacentre: ["From a datacentre", "the network is on this server's list of datacentres"],
  no_user_agent: ["No User-Agent", "every browser says what it is; this did not"],
  ahead_of_time: ["Fetched ahead of time", "a browser loaded the page in case somebody opens it; if somebody does, that is counted"],
  other: ["Other programs", "the User-Agent looks like a program of no known name"],
  "": ["Programs", "a known crawler, a headless browser, or no User-Agent"],
};

const RULES: Record<string, [name: string, means: string]> = {
  hostname: ["Other hostnames", "the page is not on this site's domain"],
  path: ["Paths", "the path is one that the settings leave out"],
  network: ["Networks", "the address is in a network that the settings leave out"],
  country: ["Countries", "the country is one that the settings leave out"],
  "": ["Rules of this site", "a host, path, network or country that this site does not count"],
};

const TROUBLE: Record<string, [name: string, means: string]> = {
  invalid: ["Not understood", "the request was not what the script sends"],
  too_large: ["Too large", "the request was bigger than allowed"],
  limited: ["Too many at once", "one network sent more requests than people do"],
  spool_full: ["No room", "the disk had no room left; the browser was told"],
  unavailable: ["Not possible", "counting was not possible at that moment; the browser was told"],
  internal: ["Fault of headcount", "the log has more"],
};

function placed({ outcome, reason, category }: Refusal): [group: string, name: string, means: string] {
  if (outcome === "bot") {
    if (category) return [category.startsWith("ai_") ? "ai" : "crawlers", reason, CATEGORIES[category] ?? CATEGORIES.other ?? ""];
    const sign = BOT_SIGNS[reason];
    return sign ? ["machines", ...sign] : ["crawlers", reason, CATEGORIES.other ?? ""];
  }
  if (outcome === "excluded") return ["rules", ...(RULES[reason] ?? [reason, ""] as const)];
  if (outcome === "spam_referrer") return ["spam", "Spam referrers", "the page that was linked from is on the spam list"];
  return ["trouble", ...(TROUBLE[outcome] ?? [outcome.replaceAll("_", " "), ""] as const)];
}

/** The groups that have something in them, the most first within each. */
export function groups(rows: Refusal[]): Group[] {
  const lines = new Map<string, Map<string, Line>>();
  for (const row of rows) {
    const [group, name, means] = placed(row);
    const of = lines.get(group) ?? new Map<string, Line>();
    of.set(name, { name, means, events: (of.get(name)?.events ?? 0) + row.events });
    lines.set(group, of);
  }
  return GROUPS.flatMap((group) => {
    const found = [...(lines.get(group.id)?.values() ?? [])].sort((a, b) => b.events - a.events || a.name.localeCompare(b.name));
    return found.length > 0 ? [{ ...group, lines: found, events: total(found) }] : [];
  });
}

export function total(rows: { events: number }[]): number {
  return rows.reduce((sum, { events }) => sum + events, 0);
}

export interface Column {
  from: string;
  to: string;
  events: number;
}

/** Days drawn one by one, and weeks: more are drawn as weeks, and as months (columns). */
const MOST = 100;

/** The period cut into days, weeks or months, whichever is readable. */
export function columns(rows: Refusal[], from: string, to: string): Column[] {
  const days = daysIn(from, to);
  const start = (day: string) => (days <= MOST ? day : days <= 7 * MOST ? weekStart(day) : monthStart(day));
  const next = (at: string) => (days <= MOST ? plusDays(at, 1) : days <= 7 * MOST ? plusDays(at, 7) : monthStart(at, 1));
  const sums = new Map<string, number>();
  for (const { day, events } of rows) sums.set(start(day), (sums.get(start(day)) ?? 0) + events);
  const made: Column[] = [];
  for (let at = start(from); at <= to; at = next(at)) {
    const last = plusDays(next(at), -1);
    made.push({ from: at < from ? from : at, to: last > to ? to : last, events: sums.get(at) ?? 0 });
  }
  return made;
}
