/** One of the five numbers by page, device or country. */
import { OTHER, valueLabel } from "../state/dimensions";
import { beat, useLoad } from "../state/load";
import { count } from "../state/metrics";
import { BY, measureText, verdict, vitals, type By, type Measured, type Vital } from "../state/vitals";
import type { View } from "../state/view";
import { Bone, Empty, Failed } from "./empty";
import { Icon } from "./icon";
import { Progress } from "./list-panel";
import { Tabs } from "./tabs";
import { VerdictMark } from "./vital-tiles";

interface Props {
  view: View;
  vital: Vital;
  by: By;
  choose: (by: By) => void;
}

function Row({ vital, row, dimension }: { vital: Vital; row: Measured; dimension: string }) {
  const rest = row.group === OTHER;
  const label = row.group === "" ? "(not set)" : valueLabel(dimension, row.group);
  return (
    <tr class={rest ? "rest" : ""}>
      <th scope="row" class="name">
        <span class="cell">
          {rest && <Icon name="hide" />}
          <span class="cut" title={label}>
            {label}
          </span>
        </span>
      </th>
      <td class="n wide-only">{count(row.events)}</td>
      <td class="n wide-only">{measureText(vital.id, row.p50)}</td>
      <td class="n strong">{measureText(vital.id, row.p75)}</td>
      <td class="t">
        <VerdictMark is={verdict(vital, row.p75)} />
      </td>
      <td class="n wide-only">{measureText(vital.id, row.p90)}</td>
      <td class="n wide-only">{measureText(vital.id, row.p99)}</td>
    </tr>
  );
}

function Groups({ vital, rows, by }: { vital: Vital; rows: Measured[]; by: (typeof BY)[number] }) {
  return (
    <table class="list plain lined">
      <caption>
        {vital.short} by {by.head.toLowerCase()}
      </caption>
      <thead>
        <tr>
          <th scope="col">{by.head}</th>
          <th scope="col" class="n wide-only">
            Measured
          </th>
          <th scope="col" class="n wide-only">
            p50
          </th>
          <th scope="col" class="n">
            p75
          </th>
          <th scope="col" class="t">
            <span class="unseen">Verdict</span>
          </th>
          <th scope="col" class="n wide-only">
            p90
          </th>
          <th scope="col" class="n wide-only">
            p99
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Row key={row.group} vital={vital} row={row} dimension={by.dimension} />
        ))}
      </tbody>
    </table>
  );
}

export function VitalList({ view, vital, by, choose }: Props) {
  const { site, span } = view;
  const { value, stale, error, again } = useLoad(
    `vitals ${site.domain} ${span.from} ${span.to} ${by}`,
    async (stop) => ({ by, rows: await vitals(site.domain, span.from, span.to, by, stop) }),
    span.to === view.today ? beat.value : 0,
  );
  const rows = value?.rows.filter(({ metric }) => metric === vital.id) ?? [];
  const shown = BY.find(({ id }) => id === value?.by);
  return (
    <section class="panel measured" aria-label={`${vital.short} by ${by}`}>
      <header>
        <Tabs label="By" tabs={[...BY]} on={by} controls="vital-list" choose={(id) => choose(id as By)} />
        {stale && <Progress />}
      </header>
      <div id="vital-list" class={`body ${stale ? "is-stale" : ""}`} role="tabpanel" aria-labelledby={`vital-list-${by}`} aria-busy={stale}>
        <p class="quiet">
          <b>{vital.short}</b>, {vital.name.toLowerCase()}: {vital.means.charAt(0).toLowerCase() + vital.means.slice(1)}
        </p>
        {error ? (
          <Failed error={error} again={again} />
        ) : !value || !shown ? (
          <Bone width={20} />
        ) : rows.length === 0 ? (
          <Empty icon="hide" title="Nothing to list">
            <p>
              {vital.short} was measured in no group of {site.threshold} pages or more. Groups that small are not listed.
            </p>
          </Empty>
        ) : (
          <Groups vital={vital} rows={rows} by={shown} />
        )}
      </div>
      <footer>
        {rows.some(({ group }) => group === OTHER) ? (
          <span class="withheld">
            <Icon name="hide" />
            (other): groups measured fewer than {site.threshold} times are not shown.
          </span>
        ) : (
          <span>p75: three of four pages were this quick or quicker. At most 5% off.</span>
        )}
      </footer>
    </section>
  );
}
