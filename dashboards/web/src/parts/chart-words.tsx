/** The chart in words: keys to its lines, the sheet at a point, and its numbers as a table. */
import type { Answer } from "../state/api";
import { LAST_MINUTES, type Bucket } from "../state/buckets";
import { changeOf } from "../state/compare";
import { dayRange } from "../state/days";
import { OTHER } from "../state/dimensions";
import { INTERVALS } from "../state/interval";
import { text, type Metric } from "../state/metrics";
import type { View } from "../state/view";

/** Does the drawing hold a second line? */
export function hasBefore(all: Bucket[]): boolean {
  return all.some((bucket) => bucket.before !== null);
}

export function NumbersTable({ view, all, metric }: { view: View; all: Bucket[]; metric: Metric }) {
  const two = hasBefore(all);
  // a day has 1,440 minutes, and most of them nothing to say
  const fine = view.interval === "minute";
  const rows = all.filter((bucket) => !bucket.ahead && (!fine || bucket.value));
  return (
    <div class="unseen">
      <table>
        <caption>
          {metric.name} per {view.interval}
          {fine && ", minutes without any left out"}
        </caption>
        <thead>
          <tr>
            <th scope="col">{INTERVALS[view.interval].head}</th>
            <th scope="col">{metric.name}</th>
            {two && <th scope="col">Compared with</th>}
          </tr>
        </thead>
        <tbody>
          {rows.map((bucket, index) => (
            <tr key={index}>
              <th scope="row">
                {bucket.long}
                {bucket.running && ", not over yet"}
              </th>
              <td>{text(metric.id, bucket.value)}</td>
              {two && (
                <td>
                  {text(metric.id, bucket.before)}
                  {bucket.beforeWhen && ` (${bucket.beforeWhen})`}
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Tip({ bucket, metric, at }: { bucket: Bucket; metric: Metric; at: { left: number; flip: boolean } }) {
  const change = changeOf(metric.id, bucket.value, bucket.before);
  return (
    <div
      class="tip"
      aria-hidden="true"
      style={at.flip ? { right: `${at.left}px`, left: "auto" } : { left: `${at.left}px`, right: "auto" }}
    >
      <b>{bucket.long}</b>
      <dl>
        <dt>
          <i class={bucket.running || bucket.part ? "unfinished" : ""} />
          {metric.name}
        </dt>
        <dd>{text(metric.id, bucket.value)}</dd>
        {bucket.before !== null && (
          <>
            <dt>
              <i class="compare" />
              {bucket.beforeWhen}
            </dt>
            <dd>{text(metric.id, bucket.before)}</dd>
          </>
        )}
      </dl>
      {change && !bucket.running && <p class={`change ${change.way} ${change.sense}`}>{change.text}</p>}
      {bucket.running && <p>Not over yet</p>}
    </div>
  );
}

/** A point as a sentence, for who walks the chart by keys. */
export function pointWords(bucket: Bucket, metric: Metric): string {
  const now = `${bucket.long}: ${text(metric.id, bucket.value)} ${metric.plain}`;
  return bucket.before === null ? now : `${now}; ${bucket.beforeWhen}: ${text(metric.id, bucket.before)}`;
}

const RUNNING: Record<string, string> = { minute: "This minute", hour: "This hour", day: "Today", week: "This week", month: "This month" };

interface KeysProps {
  view: View;
  all: Bucket[];
  answer: Answer;
  other: Answer | null;
  before: [from: string, to: string] | null;
}

/** Keys to the chart's lines. */
export function LineKeys({ view, all, answer, other, before }: KeysProps) {
  const running = all.some((bucket) => bucket.running);
  const isGap = (one: Answer) => (one.meta.withheld_days ?? []).length > 0 || one.results.some((row) => row.dimensions[0] === OTHER);
  const gaps = isGap(answer) || (other !== null && isGap(other));
  return (
    <ul class="keys">
      <li>
        <i />
        {dayRange(view.span.from, view.span.to, view.today)}
        {view.interval === "minute" && all.length === LAST_MINUTES && `, last ${LAST_MINUTES / 60} hours`}
      </li>
      {before && hasBefore(all) && (
        <li class="compare">
          <i />
          {dayRange(...before, view.today)}
        </li>
      )}
      {running && (
        <li class="unfinished">
          <i />
          {RUNNING[view.interval]}, not over yet
        </li>
      )}
      {!running && all.some((bucket) => bucket.part) && (
        <li class="unfinished">
          <i />
          Not a whole {view.interval}
        </li>
      )}
      {gaps && <li>Gaps: under {answer.meta.threshold} visitors, not shown</li>}
    </ul>
  );
}
