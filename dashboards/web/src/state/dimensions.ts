/**
 * What a report can be cut by: the name of each dimension, of its values, and the lists that show
 * them. One table, so that pills, lists and details always say the same words.
 */

/** How the values of a dimension are written. */
export type Kind = "text" | "path" | "country";

export interface Dimension {
  id: string;
  /** "Page", as in "Page is /tides" */
  name: string;
  /** "pages", as in "No pages in this period" */
  many: string;
  kind: Kind;
}

function dimension(id: string, name: string, many: string, kind: Kind = "text"): [string, Dimension] {
  return [id, { id, name, many, kind }];
}

export const DIMENSIONS = new Map<string, Dimension>([
  dimension("event:page", "Page", "pages", "path"),
  dimension("visit:entry_page", "Entry page", "entry pages", "path"),
  dimension("visit:exit_page", "Exit page", "exit pages", "path"),
  dimension("event:hostname", "Host", "hosts"),
  dimension("event:name", "Event", "events"),
  dimension("visit:channel", "Channel", "channels"),
  dimension("visit:source", "Source", "sources"),
  dimension("visit:referrer", "Referrer", "referrers"),
  dimension("visit:utm_source", "Campaign source", "campaign sources"),
  dimension("visit:utm_medium", "Campaign medium", "campaign media"),
  dimension("visit:utm_campaign", "Campaign", "campaigns"),
  dimension("visit:country", "Country", "countries", "country"),
  dimension("visit:region", "Region", "regions"),
  dimension("visit:city", "City", "cities"),
  dimension("visit:browser", "Browser", "browsers"),
  dimension("visit:os", "System", "systems"),
  dimension("visit:device", "Device", "device types"),
]);

/** One tab of a panel. */
export interface ListTab {
  /** what the address says */
  id: string;
  label: string;
  dimension: string;
  /** the metrics shown; the first one sorts and draws the bars */
  metrics: string[];
  /** rows of the server that do not belong in this list */
  without?: string[];
  /** said when there is nothing to list */
  teach?: string;
}

export interface PanelLists {
  id: string;
  label: string;
  tabs: ListTab[];
}

const place = (id: string, label: string, of: string): ListTab => ({ id, label, dimension: of, metrics: ["visitors"] });

export const PANELS: PanelLists[] = [
  {
    id: "pages",
    label: "Pages",
    tabs: [
      { id: "top", label: "Top pages", dimension: "event:page", metrics: ["visitors", "pageviews"] },
      { id: "entry", label: "Entry", dimension: "visit:entry_page", metrics: ["visitors", "visits"] },
      { id: "exit", label: "Exit", dimension: "visit:exit_page", metrics: ["visitors", "visits"] },
    ],
  },
  {
    id: "sources",
    label: "Sources",
    tabs: [
      { id: "channels", label: "Channels", dimension: "visit:channel", metrics: ["visitors", "visits"] },
      { id: "sources", label: "Sources", dimension: "visit:source", metrics: ["visitors", "visits"] },
    ],
  },
  {
    id: "locations",
    label: "Locations",
    tabs: [
      place("countries", "Countries", "visit:country"),
      place("regions", "Regions", "visit:region"),
      place("cities", "Cities", "visit:city"),
    ],
  },
  {
    id: "devices",
    label: "Devices",
    tabs: [
      place("browsers", "Browsers", "visit:browser"),
      place("systems", "Systems", "visit:os"),
      place("types", "Device types", "visit:device"),
    ],
  },
  {
    id: "events",
    label: "Custom events",
    tabs: [
      {
        id: "events",
        label: "Custom events",
        dimension: "event:name",
        metrics: ["events", "visitors"],
        // pages and attention have their own places
        without: ["pageview", "engagement"],
        teach: "Call headcount('Signup') on your site when something happens, and it is listed here.",
      },
    ],
  },
];

let countries: Intl.DisplayNames | undefined;

/** A value as a reader sees it. */
export function valueLabel(id: string, value: string): string {
  if (DIMENSIONS.get(id)?.kind === "country" && /^[A-Z]{2}$/.test(value)) {
    countries ??= new Intl.DisplayNames(undefined, { type: "region" });
    return countries.of(value) ?? value;
  }
  return value;
}

/** The row that stands for the groups not shown. */
export const OTHER = "(other)";
