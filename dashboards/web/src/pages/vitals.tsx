/** How quick pages are, as the browsers of visitors measured it, and which errors their scripts had. */
import { address, go } from "../state/address";
import type { Me, Site } from "../state/api";
import { dayRange, nowIn } from "../state/days";
import { beat, useLoad } from "../state/load";
import { readView, type View } from "../state/view";
import { BY, vitals, VITALS, type By, type MetricId } from "../state/vitals";
import { Empty, Failed } from "../parts/empty";
import { Frame } from "../parts/frame";
import { Keys } from "../parts/keys";
import { Longer, Progress } from "../parts/list-panel";
import { ScriptErrors } from "../parts/script-errors";
import { fileOf, hostOf, Snippet, tagFor } from "../parts/snippet";
import { DaysBar } from "../parts/toolbar";
import { VitalList } from "../parts/vital-list";
import { VitalTiles } from "../parts/vital-tiles";
import "../styles/measured.css";

/** The address with another number or another cut. */
function href(name: "vital" | "by", value: string): string {
  const search = new URLSearchParams(address.value.search);
  search.set(name, value);
  return `${address.value.pathname}?${search}`;
}

function Nothing({ view, me }: { view: View; me: Me }) {
  const { site } = view;
  const host = hostOf(me);
  return (
    <section class="panel" aria-label="Performance">
      <Empty icon="chart" level={2} title="Nothing was measured">
        <p>
          Put this line beside the script of {site.domain}. Browsers then tell how quick each page was when it is left, and
          nothing about who left it.
        </p>
        <Snippet code={tagFor(site.domain, host, me.demo && site.domain === "demo.example", "vitals.js")} mark={fileOf(host, "vitals.js")} label="The script for performance" />
        <p class="quiet">
          {site.threshold > 1 && `Numbers show from ${site.threshold} measured pages on. `}Safari and Firefox measure some of the five.
        </p>
        <Longer view={view} />
      </Empty>
    </section>
  );
}

export function Vitals({ me, site }: { me: Me; site: Site }) {
  const turn = beat.value;
  const view = readView(address.value, site, nowIn(site.timezone).day);
  const search = address.value.searchParams;
  const vital = VITALS.find(({ id }) => id === search.get("vital")) ?? VITALS[0];
  const by: By = BY.find(({ id }) => id === search.get("by"))?.id ?? "page";
  const { from, to } = view.span;
  const { value, stale, error, again } = useLoad(
    `vitals ${site.domain} ${from} ${to}`,
    async (stop) => ({ view, rows: await vitals(site.domain, from, to, null, stop) }),
    to === view.today ? turn : 0,
  );
  if (!vital) return null;
  return (
    <Frame
      title={`Performance, ${site.domain}`}
      site={site}
      at="vitals"
      toolbar={
        <DaysBar view={view}>
          <h1>Performance</h1>
        </DaysBar>
      }
      foot={
        <>
          <span>Time zone {site.timezone}</span>
          <span>
            Press <kbd>?</kbd> for keys
          </span>
        </>
      }
    >
      <p class="lead">
        What the browsers of visitors measured on {site.domain}, {dayRange(from, to, view.today)}. The large number is the 75th
        percentile: three of four pages were this quick or quicker.
      </p>
      {error ? (
        <section class="panel" aria-label="Performance">
          <Failed error={error} again={again} />
        </section>
      ) : value && value.rows.length === 0 && !stale ? (
        <Nothing view={value.view} me={me} />
      ) : (
        <>
          <section class={`panel top ${stale ? "is-stale" : ""}`} aria-label="Five numbers" aria-busy={stale || !value}>
            {stale && <Progress />}
            <VitalTiles rows={value?.rows ?? null} on={vital.id} href={(id: MetricId) => href("vital", id)} />
          </section>
          <VitalList view={view} vital={vital} by={by} choose={(to) => go(href("by", to))} />
        </>
      )}
      <ScriptErrors view={view} />
      <Keys view={view} daysOnly />
    </Frame>
  );
}
