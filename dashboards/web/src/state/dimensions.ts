/**
 * What a report can be cut by: the name of each dimension and of its values. One table, so that
 * pills, lists, details and the filter editor always say the same words.
 */

/** How the values of a dimension are written. */
export type Kind = "text" | "path" | "country" | "language" | "screen" | "score";

export interface Dimension {
  id: string;
  /** "Page", as in "Page is /tides" */
  name: string;
  /** "pages", as in "No pages in this period" */
  many: string;
  kind: Kind;
  /** where the filter editor lists it */
  group: Group;
}

export const GROUPS = ["Pages", "Sources", "Campaigns", "Locations", "Technology", "Events"] as const;
export type Group = (typeof GROUPS)[number];

/** What a property of an event is called: this, and the property's own name. */
export const PROPERTY = "event:props:";

type Line = [id: string, name: string, many: string, group: Group, kind?: Kind];

const LINES: Line[] = [
  ["event:page", "Page", "pages", "Pages", "path"],
  ["visit:entry_page", "Entry page", "entry pages", "Pages", "path"],
  ["visit:exit_page", "Exit page", "exit pages", "Pages", "path"],
  ["event:hostname", "Hostname", "hostnames", "Pages"],
  ["visit:channel", "Channel", "channels", "Sources"],
  ["visit:source", "Source", "sources", "Sources"],
  ["visit:referrer", "Referrer", "referrers", "Sources"],
  ["visit:utm_source", "UTM source", "UTM sources", "Campaigns"],
  ["visit:utm_medium", "UTM medium", "UTM media", "Campaigns"],
  ["visit:utm_campaign", "UTM campaign", "UTM campaigns", "Campaigns"],
  ["visit:utm_term", "UTM term", "UTM terms", "Campaigns"],
  ["visit:utm_content", "UTM content", "UTM contents", "Campaigns"],
  ["visit:click_id", "Click id", "click ids", "Campaigns"],
  ["visit:country", "Country", "countries", "Locations", "country"],
  ["visit:region", "Region", "regions", "Locations"],
  ["visit:city", "City", "cities", "Locations"],
  ["visit:language", "Language", "languages", "Locations", "language"],
  ["visit:browser", "Browser", "browsers", "Technology"],
  ["visit:browser_version", "Browser version", "browser versions", "Technology"],
  ["visit:os", "System", "systems", "Technology"],
  ["visit:os_version", "System version", "system versions", "Technology"],
  ["visit:device", "Device", "device types", "Technology"],
  ["visit:screen", "Screen", "screen sizes", "Technology", "screen"],
  ["visit:score", "Machine score", "machine scores", "Technology", "score"],
  ["event:name", "Event", "events", "Events"],
];

export const DIMENSIONS: Dimension[] = LINES.map(([id, name, many, group, kind = "text"]) => ({ id, name, many, group, kind }));

const known = new Map(DIMENSIONS.map((one) => [one.id, one]));

/** A dimension by its id; properties of events are made on the fly. */
export function dimensionOf(id: string): Dimension | undefined {
  const property = id.startsWith(PROPERTY) ? id.slice(PROPERTY.length) : "";
  if (property) return { id, name: `Property ${property}`, many: `values of ${property}`, kind: "text", group: "Events" };
  return known.get(id);
}

const names = new Map<string, Intl.DisplayNames>();

function display(type: "region" | "language", code: string): string {
  let made = names.get(type);
  if (!made) names.set(type, (made = new Intl.DisplayNames(undefined, { type })));
  try {
    return made.of(code) ?? code;
  } catch {
    return code;
  }
}

/** Classes of screens by their width, as the server forms them (CSS pixels). */
const SCREENS: Record<string, string> = {
  Small: "Small, under 576 px",
  Medium: "Medium, 576 to 991 px",
  Large: "Large, 992 to 1,439 px",
  "Extra large": "Extra large, from 1,440 px",
};

/** A value as a reader sees it. */
export function valueLabel(id: string, value: string): string {
  switch (known.get(id)?.kind) {
    case "country":
      return /^[A-Z]{2}$/.test(value) ? display("region", value) : value;
    case "language":
      return /^[a-z]{2,3}$/.test(value) ? display("language", value) : value;
    case "screen":
      return SCREENS[value] ?? value;
    case "score":
      return value === "0" ? "0, no sign of a machine" : /^\d+$/.test(value) ? `${value} of 100` : value;
    default:
      return value;
  }
}

/** The row that stands for the groups not shown. */
export const OTHER = "(other)";

/** What the server calls a value that is not there. */
export const NOT_SET = "(not set)";
