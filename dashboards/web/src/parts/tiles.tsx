/**
 * The six top numbers. A tile picks the metric of the chart; its "?" says why the number is what it
 * is. The visitors of several days are called what they are: daily visitors, summed.
 */
import { address } from "../state/address";
import type { Answer } from "../state/api";
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
