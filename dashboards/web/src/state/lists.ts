/**
 * The lists of a report: which panel holds which, and what a tab shows under the filters at hand.
 * One browser alone is cut by its versions, a campaign by the chosen mark, a property by its name.
 */
import { NOT_SET, PROPERTY } from "./dimensions";
import { onlyValue } from "./filters";
import type { View } from "./view";

/** One tab of a panel. */
export interface ListTab {
  /** what the address says */
  id: string;
  label: string;
  /** "" while a property is still to be named */
  dimension: string;
  /** the metrics shown; the first one sorts and draws the bars */
  metrics: string[];
  /** more of them in the details */
  more?: string[];
  /** rows of the server that do not belong in this list */
  without?: string[];
  /** said when there is nothing to list */
  teach?: string;
  /** set before each value: "Firefox" before "142" */
  before?: string;
}

export interface PanelLists {
  id: string;
  label: string;
  tabs: ListTab[];
}

const tab = (id: string, label: string, dimension: string, ...metrics: string[]): ListTab => ({
  id,
  label,
  dimension,
  metrics: ["visitors", ...metrics],
});

/** The marks of a campaign: the five of UTM, and which ad network named its click. */
export const MARKS = [
  { id: "source", label: "Source" },
  { id: "medium", label: "Medium" },
  { id: "campaign", label: "Campaign" },
  { id: "term", label: "Term" },
  { id: "content", label: "Content" },
  { id: "click_id", label: "Click id" },
];

export const PANELS: PanelLists[] = [
  {
    id: "pages",
    label: "Pages",
    tabs: [
      { ...tab("top", "Top pages", "event:page", "pageviews"), more: ["time_on_page", "scroll_depth"] },
      { ...tab("entry", "Entry", "visit:entry_page", "visits"), more: ["bounce_rate", "visit_duration"] },
      tab("exit", "Exit", "visit:exit_page", "visits"),
      tab("hosts", "Hostnames", "event:hostname", "pageviews"),
    ],
  },
  {
    id: "sources",
    label: "Sources",
    tabs: [
      ...[
        tab("channels", "Channels", "visit:channel", "visits"),
        tab("sources", "Sources", "visit:source", "visits"),
        tab("referrers", "Referrers", "visit:referrer", "visits"),
      ].map((one) => ({ ...one, more: ["bounce_rate", "visit_duration"] })),
      {
        ...tab("campaigns", "Campaigns", "visit:utm_campaign", "visits"),
        more: ["bounce_rate", "visit_duration"],
        without: [NOT_SET],
        teach: "Links that carry ?utm_source=…&utm_campaign=… are listed here.",
      },
    ],
  },
  {
    id: "locations",
    label: "Locations",
    tabs: [
      tab("countries", "Countries", "visit:country"),
      tab("regions", "Regions", "visit:region"),
      tab("cities", "Cities", "visit:city"),
      tab("languages", "Languages", "visit:language"),
    ],
  },
  {
    id: "devices",
    label: "Technology",
    tabs: [
      tab("browsers", "Browsers", "visit:browser"),
      tab("systems", "Systems", "visit:os"),
      tab("types", "Devices", "visit:device"),
      tab("screens", "Screens", "visit:screen"),
      tab("scores", "Machine score", "visit:score"),
    ],
  },
  {
    id: "events",
    label: "Events",
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
      {
        id: "properties",
        label: "Properties",
        dimension: "",
        metrics: ["events", "visitors"],
        teach: "No event in this period carries a property of that name. Names are told apart by case.",
      },
    ],
  },
];

/** Browsers and systems by version, once the filters leave only one of them. */
function byVersion(view: View, of: ListTab): ListTab {
  const name = onlyValue(view.filters, of.dimension);
  if (name === null || name === NOT_SET) return of;
  return { ...of, label: `${name} versions`, dimension: `${of.dimension}_version`, before: name };
}

/** What a tab lists now. */
export function resolved(view: View, of: ListTab): ListTab {
  switch (of.id) {
    case "browsers":
    case "systems":
      return byVersion(view, of);
    case "campaigns":
      return view.mark === "click_id"
        ? { ...of, dimension: "visit:click_id", teach: "Ad networks add their own parameter to links, such as gclid. Its name is listed here; its value is never kept." }
        : { ...of, dimension: `visit:utm_${view.mark}` };
    case "properties": {
      const [name] = view.properties;
      // without a chosen event nearly everything lacks the property
      const all = onlyValue(view.filters, "event:name") === null;
      return { ...of, dimension: name ? PROPERTY + name : "", ...(all && { without: [NOT_SET] }) };
    }
    default:
      return of;
  }
}

/** The open tab of a panel, as it is listed now. */
export function openTab(view: View, panel: PanelLists): ListTab | null {
  const found = panel.tabs.find((one) => one.id === view.tabs[panel.id]) ?? panel.tabs[0];
  return found ? resolved(view, found) : null;
}
