/**
 * The report of a site: toolbar, notices, top numbers with chart, and the lists. What it shows is
 * in the address; each part loads by itself.
 */
import { useEffect, useRef } from "preact/hooks";
import { address } from "../state/address";
import { announce } from "../state/announce";
import { report, type Answer, type Me, type Site } from "../state/api";
import { dayRange, nowIn } from "../state/days";
import { changeOf, compared, daysBefore } from "../state/compare";
import { filterWords } from "../state/filters";
import { PANELS } from "../state/lists";
import { beat, useLoad } from "../state/load";
import { SUMMED, text } from "../state/metrics";
import { baseQuery, readView, type View } from "../state/view";
import { Chart } from "../parts/chart";
import { Counted } from "../parts/counted";
import { Callout, Failed } from "../parts/empty";
import { Frame, siteHref } from "../parts/frame";
import { lazy } from "../parts/lazy";
import { Keys } from "../parts/keys";
import { ListPanel, Longer, Progress } from "../parts/list-panel";
import { Notices } from "../parts/notices";
import { Tiles, total, totalBefore, TOTALS, WAYS } from "../parts/tiles";
import { Toolbar } from "../parts/toolbar";

const Details = lazy(async () => (await import("../parts/details")).Details);

function filterSentence(view: View): string {
  if (view.filters.length === 0) return "No filters";
  return "Filtered by " + view.filters.map((one) => filterWords(one)).map((words) => `${words.what} ${words.value}`).join(", ");
}

function changeSentence(view: View, answer: Answer): string {
  const before = view.compare && totalBefore(answer, "visitors");
  const change = changeOf("visitors", total(answer, "visitors"), before);
  return change ? `, ${WAYS[change.way]}${change.text} from ${text("visitors", before)}` : "";
}

function NothingCounted({ view, isDemo }: { view: View; isDemo: boolean }) {
  return (
    <div class="notices">
      <Callout title={`Nothing counted ${view.period.id === "day" ? "today" : "in this period"}`}>
        <p>
          When a page of {view.site.domain} is opened, it shows here within seconds.{" "}
          {isDemo ? (
            <a href="/demo" target="_blank">
              Open the demo site
            </a>
          ) : (
            <a href={siteHref(view.site.domain, "/install")}>See how the site is connected</a>
          )}
        </p>
        <div class="row-flex">
          <Longer view={view} />
        </div>
      </Callout>
    </div>
  );
}

/** Hostnames are worth a tab only where there are several; asked after what is to be seen first. */
function useSeveralHosts(view: View, isNext: boolean): boolean {
  const query = {
    site_id: view.site.domain,
    metrics: ["visitors"],
    date_range: view.span.asked,
    dimensions: ["event:hostname"],
    pagination: { limit: 2, offset: 0 },
  };
  const { value } = useLoad(isNext ? JSON.stringify(query) : null, (signal) => report(query, signal));
  return (value?.results.length ?? 0) > 1;
}

export function Report({ me, site }: { me: Me; site: Site }) {
  // the day may change while the page is open
  const turn = beat.value;
  const view = readView(address.value, site, nowIn(site.timezone).day);
  const query = compared(baseQuery(view, TOTALS), view.compare);
  const key = JSON.stringify(query);
  const totals = useLoad(key, (signal) => report(query, signal), view.span.to === view.today ? turn : 0);
  const visitors = total(totals.value, "visitors");
  const events = total(totals.value, "events");

  const severalHosts = useSeveralHosts(view, totals.value !== null);
  // once open it stays, so that focus finds its way back
  const detailsAsked = useRef(false);
  detailsAsked.current ||= view.details !== null;

  useEffect(() => {
    if (totals.value && !totals.stale) {
      const range = dayRange(view.span.from, view.span.to, view.today);
      const name = view.span.days > 1 ? SUMMED.toLowerCase() : "visitors";
      announce(`${filterSentence(view)}, ${range}: ${text("visitors", visitors)} ${name}${changeSentence(view, totals.value)}`);
    }
  }, [key, totals.stale]);

  return (
    <Frame
      title={site.domain}
      site={site}
      at="report"
      toolbar={<Toolbar view={view} />}
      foot={
        <>
          <span>Time zone {site.timezone}</span>
          <span>
            Press <kbd>?</kbd> for keys
          </span>
        </>
      }
    >
      <h1 class="unseen">
        Report for {site.domain}, {dayRange(view.span.from, view.span.to, view.today)}
      </h1>
      <Notices me={me} site={site} />
      {events === 0 && !totals.stale && view.filters.length === 0 && (
        <NothingCounted view={view} isDemo={me.demo && site.domain === "demo.example"} />
      )}
      <section class="panel top" aria-label="Top numbers and chart">
        {totals.stale && <Progress />}
        {totals.error ? (
          <Failed error={totals.error} again={totals.again} />
        ) : (
          <Tiles view={view} answer={totals.value} stale={totals.stale} />
        )}
        <Chart view={view} before={totals.stale || !view.compare ? null : daysBefore(totals.value)} />
        <Counted view={view} totals={totals.value} />
      </section>
      <div class="grid">
        {PANELS.map((panel) => (
          <ListPanel key={panel.id} view={view} panel={panel} whole={visitors} hidden={severalHosts ? [] : ["hosts"]} />
        ))}
      </div>
      {detailsAsked.current && <Details view={view} whole={visitors} />}
      <Keys view={view} />
    </Frame>
  );
}
