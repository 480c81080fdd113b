/**
 * The six top numbers. A tile picks the metric of the chart; its "?" says why the number is what it
 * is. The visitors of several days are called what they are: daily visitors, summed.
 */
import { address } from "../state/address";
import type { Answer, Value } from "../state/api";
import { beforeOf, changeOf } from "../state/compare";
import { count, pieces, SUMMED, text, TOP, type Metric } from "../state/metrics";
import { change, type View } from "../state/view";
import { Bone } from "./empty";
import { Icon } from "./icon";
import { Popover } from "./popover";

/** What the totals are asked for: the six, and the events behind them. */
export const TOTALS = [...TOP.map((metric) => metric.id), "events"];

export function total(answer: Answer | null, metric: string): number | null {
  return answer?.results[0]?.metrics[TOTALS.indexOf(metric)] ?? null;
}

/** The same number of the period compared with. */
export function totalBefore(answer: Answer, metric: string): Value {
  const before = (id: string) => beforeOf(answer.results[0], TOTALS.indexOf(id));
  // rates of no visits are no rates
  const isCount = TOP.find((one) => one.id === metric)?.count;
  return !isCount && before("visits") === 0 ? null : before(metric);
}

export function metricName(metric: Metric, view: View): string {
  return metric.id === "visitors" && view.span.days > 1 ? SUMMED : metric.name;
}

function Why({ metric, view, answer }: { metric: Metric; view: View; answer: Answer | null }) {
  const name = metricName(metric, view);
  const value = total(answer, metric.id);
  const events = total(answer, "events");
  return (
    <Popover
      label={`Why this number: ${name}`}
      name={`Why this number: ${name}`}
      align="end"
      buttonClass="why"
      button={<Icon name="why" />}
    >
      {() => (
        <>
          <h3>
            {name}: {text(metric.id, value)}
          </h3>
          <p>{metric.why}</p>
          <dl class="sum">
            <dt>Events counted</dt>
            <dd>{events === null ? "–" : count(events)}</dd>
            <dt>Filters</dt>
            <dd>{view.filters.length === 0 ? "none" : view.filters.length}</dd>
            <dt>Estimated or sampled</dt>
            <dd>no, exact</dd>
            <dt>Time zone</dt>
            <dd>{view.site.timezone}</dd>
          </dl>
        </>
      )}
    </Popover>
  );
}

export const WAYS = { up: "up ", down: "down ", same: "no change " };

interface ChangedProps {
  metric: string;
  now: Value;
  before: Value;
  /** the period is not over: neither better nor worse yet */
  open?: boolean;
}

/** What became of a number: an arrow for the eye, a word for screen readers. */
export function Changed({ metric, now, before, open = false }: ChangedProps) {
  const change = changeOf(metric, now, before);
  if (!change) return <span class="quiet">–</span>;
  return (
    <span class={`change ${change.way} ${open ? "" : change.sense}`}>
      <span class="unseen">{WAYS[change.way]}</span>
      {change.text}
    </span>
  );
}

function Was({ metric, view, answer }: { metric: string; view: View; answer: Answer }) {
  const before = totalBefore(answer, metric);
  if (before === null) {
    return <div class="was">{answer.meta.comparison_withheld ? "not compared" : "nothing to compare"}</div>;
  }
  return (
    <div class="was">
      <Changed metric={metric} now={total(answer, metric)} before={before} open={view.span.to === view.today} />
      <span>from {text(metric, before)}</span>
    </div>
  );
}

function Tile({ metric, view, answer }: { metric: Metric; view: View; answer: Answer | null }) {
  const on = view.metric === metric.id;
  const value = total(answer, metric.id);
  const name = metricName(metric, view);
  return (
    <div class={`tile ${on ? "is-on" : ""}`}>
      <div class="label">
        <button
          type="button"
          class="pick"
          aria-pressed={on}
          title={`Draw ${metric.plain} in the chart`}
          onClick={() => change(address.value, { metric: metric.id })}
        >
          {name}
        </button>
        <Why metric={metric} view={view} answer={answer} />
      </div>
      {answer ? (
        <span class="value" title={value === null ? undefined : text(metric.id, value)}>
          {pieces(metric.id, value).map((piece, index) => (
            <span key={index}>
              {piece.digits}
              {piece.unit && <small>{piece.unit}</small>}
            </span>
          ))}
        </span>
      ) : (
        <span class="value">
          <Bone width={5} />
        </span>
      )}
      {view.compare && (answer?.results[0]?.comparison !== undefined ? <Was metric={metric.id} view={view} answer={answer} /> : <div class="was">&nbsp;</div>)}
    </div>
  );
}

export function Tiles({ view, answer, stale }: { view: View; answer: Answer | null; stale: boolean }) {
  return (
    <div class={`tiles ${stale ? "is-stale" : ""}`} aria-busy={stale || answer === null}>
      {TOP.map((metric) => (
        <Tile key={metric.id} metric={metric} view={view} answer={answer} />
      ))}
    </div>
  );
}
