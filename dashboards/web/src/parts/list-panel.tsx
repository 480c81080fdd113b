/**
 * A panel of lists: tabs, the first rows, and a way to all of them. Loads by itself and fails by
 * itself; says in words what it withholds.
 */
import { address } from "../state/address";
import { report, type Answer, type Query } from "../state/api";
import { dimensionOf, OTHER } from "../state/dimensions";
import { MARKS, openTab, resolved, type ListTab, type PanelLists } from "../state/lists";
import { beat, useLoad } from "../state/load";
import { count } from "../state/metrics";
import { longerThan } from "../state/period";
import { baseQuery, change, viewHref, type View } from "../state/view";
import { Choice } from "./choice";
import { Empty, Failed } from "./empty";
import { Icon } from "./icon";
import { BoneList, List, listRows } from "./list";
import { PropertyName } from "./property";
import { Tabs } from "./tabs";

/** Rows in a panel; a short list leaves the room of the others. */
export const ROWS = 9;

export function listQuery(view: View, tab: ListTab, limit: number): Query {
  return {
    ...baseQuery(view, tab.metrics),
    dimensions: [tab.dimension],
    order_by: [[tab.metrics[0] ?? "visitors", "desc"]],
    include: { total_rows: true },
    pagination: { limit: limit + (tab.without?.length ?? 0), offset: 0 },
  };
}

/** One step on when a period holds too little. */
export function Longer({ view }: { view: View }) {
  const next = longerThan(view.span);
  if (!next) return null;
  return (
    <a class="button" href={viewHref(address.value, { period: { id: next.id, from: null, to: null } })}>
      {next.label}
    </a>
  );
}

/** Nothing may be listed: the whole set is too small, or what the filters leave out is. */
export function TooFew({ view, answer }: { view: View; answer: Answer }) {
  const threshold = answer.meta.threshold ?? view.site.threshold;
  const left = answer.meta.withheld === "few_visitors_in_complement";
  return (
    <Empty icon="hide" title="Too few to show">
      <p>
        {left
          ? `These filters leave out fewer than ${threshold} visitors. Lists without them would show who they are.`
          : `Fewer than ${threshold} visitors ${view.filters.length ? "with these filters" : "in this period"}. Groups that small are not listed, so that no one can be picked out. The totals above are exact.`}
      </p>
      <Longer view={view} />
    </Empty>
  );
}

function Nothing({ view, tab }: { view: View; tab: ListTab }) {
  const many = dimensionOf(tab.dimension)?.many ?? "rows";
  if (view.filters.length > 0) {
    return (
      <Empty icon="filter" title="Nothing matches">
        <p>No {many} with these filters in this period.</p>
        <a class="button" href={viewHref(address.value, { filters: [] })}>
          Clear the filters
        </a>
      </Empty>
    );
  }
  return (
    <Empty icon={tab.teach ? "code" : "chart"} title={`No ${many} yet`}>
      <p>{tab.teach ?? "Nothing was counted in this period."}</p>
    </Empty>
  );
}

function Foot({ panel, tab, answer, rows, shown }: { panel: PanelLists; tab: ListTab; answer: Answer; rows: number; shown: number }) {
  const withheld = answer.results.some((row) => row.dimensions[0] === OTHER);
  const total = answer.meta.total_rows;
  const dimension = dimensionOf(tab.dimension);
  const noun = total === 1 ? dimension?.name.toLowerCase() ?? "row" : dimension?.many ?? "rows";
  return (
    <footer>
      {withheld ? (
        <span class="withheld">
          <Icon name="hide" />
          (other): groups under {answer.meta.threshold} visitors are not shown.
        </span>
      ) : (
        <span>{total !== undefined && !tab.without && rows > 0 ? `${count(total)} ${noun}` : ""}</span>
      )}
      {rows > shown && (
        <span class="end">
          <a href={viewHref(address.value, { details: panel.id })}>
            Details<span class="unseen"> of {panel.label}</span>
          </a>
        </span>
      )}
    </footer>
  );
}

const hasSubChoice = (tab: ListTab) => tab.id === "properties" || tab.id === "campaigns";

/** What chooses further within a tab: the mark of campaigns, the name of a property. */
function SubChoice({ view, tab }: { view: View; tab: ListTab }) {
  if (tab.id === "properties") return <PropertyName view={view} />;
  if (tab.id !== "campaigns") return null;
  return (
    <div class="sub-choice">
      <Choice label="Mark of a campaign" name="mark" options={MARKS} on={view.mark} choose={(mark) => change(address.value, { mark })} />
    </div>
  );
}

function Unnamed() {
  return (
    <Empty icon="code" title="Which property?">
      <p>
        Properties are what your site sends along with an event, as <code>plan</code> in{" "}
        <code>{"{ props: { plan: 'raft' } }"}</code>. Type the name of one to see its values; a filter by event narrows them.
      </p>
    </Empty>
  );
}

interface PanelProps {
  view: View;
  panel: PanelLists;
  /** all visitors of the range */
  whole: number | null;
  /** tabs that are of no use on this site */
  hidden?: string[];
}

export function ListPanel({ view, panel, whole, hidden = [] }: PanelProps) {
  const tab = openTab(view, panel);
  // one row more than is shown tells whether there are details
  const room = tab && hasSubChoice(tab) ? ROWS - 1 : ROWS;
  const query = tab?.dimension ? listQuery(view, tab, room + 1) : null;
  const live = view.span.to === view.today;
  // an answer keeps the tab and view it was asked for: until the next one is here they are shown together
  const loaded = useLoad(
    query && JSON.stringify(query),
    async (signal) => {
      if (!tab || !query) throw new Error("nothing to load");
      return { tab, view, answer: await report(query, signal) };
    },
    live ? beat.value : 0,
  );
  if (!tab) return null;
  const stale = loaded.stale && query !== null;
  const error = query ? loaded.error : null;
  const drawn = query ? loaded.value : null;
  const rows = drawn ? listRows(drawn.tab, drawn.answer) : [];
  const other = rows.find((row) => row.dimensions[0] === OTHER);
  const named = rows.filter((row) => row !== other);
  const shown = other ? [...named.slice(0, room - 1), other] : named.slice(0, room);
  const id = `panel-${panel.id}`;
  const tabs = panel.tabs.filter((one) => one.id === tab.id || !hidden.includes(one.id)).map((one) => resolved(view, one));

  return (
    <section class="panel" aria-label={panel.label}>
      <header>
        <Tabs
          label={panel.label}
          tabs={tabs}
          on={tab.id}
          controls={id}
          choose={(to) => change(address.value, { tab: [panel.id, to] })}
        />
        {stale && <Progress />}
      </header>
      <div id={id} role="tabpanel" aria-labelledby={`${id}-${tab.id}`} class="body">
        <SubChoice view={view} tab={tab} />
        <div class={`rows ${stale ? "is-stale" : ""}`} aria-busy={stale} inert={stale}>
          {!query ? (
            <Unnamed />
          ) : error ? (
            <Failed error={error} again={loaded.again} />
          ) : !drawn ? (
            <BoneList tab={tab} />
          ) : drawn.answer.meta.withheld ? (
            <TooFew view={drawn.view} answer={drawn.answer} />
          ) : rows.length === 0 ? (
            <Nothing view={drawn.view} tab={drawn.tab} />
          ) : (
            <List view={drawn.view} tab={drawn.tab} rows={shown} whole={whole} />
          )}
        </div>
      </div>
      {drawn && !error ? (
        <Foot panel={panel} tab={drawn.tab} answer={drawn.answer} rows={rows.length} shown={shown.length} />
      ) : (
        <footer />
      )}
    </section>
  );
}

export function Progress() {
  return (
    <div class="progress" role="progressbar" aria-label="Loading">
      <i />
    </div>
  );
}
