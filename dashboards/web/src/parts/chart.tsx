/**
 * The chart of the chosen metric, by hour for one day and by day for more, with its numbers as a
 * table beside it. It takes focus: arrows walk the buckets, Enter opens that day.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import { address } from "../state/address";
import { report, type Answer } from "../state/api";
import { buckets, intervalOf, type Bucket } from "../state/buckets";
import { dayRange } from "../state/days";
import { OTHER } from "../state/dimensions";
import { beat, useLoad } from "../state/load";
import { text, TOP, type Metric } from "../state/metrics";
import { painted } from "../state/theme";
import { baseQuery, change, type View } from "../state/view";
import { Empty, Failed } from "./empty";
import { Progress } from "./list-panel";
import { draw, readColours } from "./plot";
import { metricName } from "./tiles";

interface Drawn {
  view: View;
  metric: Metric;
  answer: Answer;
}

function NumbersTable({ all, metric, per }: { all: Bucket[]; metric: Metric; per: string }) {
  return (
    <div class="unseen">
      <table>
        <caption>
          {metric.name} per {per}
        </caption>
        <thead>
          <tr>
            <th scope="col">{per === "hour" ? "Hour" : "Day"}</th>
            <th scope="col">{metric.name}</th>
          </tr>
        </thead>
        <tbody>
          {all
            .filter((bucket) => !bucket.ahead)
            .map((bucket, index) => (
              <tr key={index}>
                <th scope="row">
                  {bucket.long}
                  {bucket.running && ", not over yet"}
                </th>
                <td>{text(metric.id, bucket.value)}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </div>
  );
}

function Tip({ bucket, metric, at }: { bucket: Bucket; metric: Metric; at: { left: number; flip: boolean } }) {
  return (
    <div
      class="tip"
      aria-hidden="true"
      style={at.flip ? { right: `${at.left}px`, left: "auto" } : { left: `${at.left}px`, right: "auto" }}
    >
      <b>{bucket.long}</b>
      <dl>
        <dt>
          <i class={bucket.running ? "unfinished" : ""} />
          {metric.name}
        </dt>
        <dd>{text(metric.id, bucket.value)}</dd>
      </dl>
      {bucket.running && <p>Not over yet</p>}
    </div>
  );
}

/** Keys to the chart's lines. */
function Keys({ view, all, answer }: { view: View; all: Bucket[]; answer: Answer }) {
  const running = all.some((bucket) => bucket.running);
  const gaps = (answer.meta.withheld_days ?? []).length > 0 || answer.results.some((row) => row.dimensions[0] === OTHER);
  return (
    <ul class="keys">
      <li>
        <i />
        {dayRange(view.span.from, view.span.to, view.today)}
      </li>
      {running && (
        <li class="unfinished">
          <i />
          {intervalOf(view) === "hour" ? "This hour, not over yet" : "Today, not over yet"}
        </li>
      )}
      {gaps && <li>Gaps: under {answer.meta.threshold} visitors, not shown</li>}
    </ul>
  );
}

const TIP_GAP = 14;

function Plot({ drawn }: { drawn: Drawn }) {
  const { view, metric, answer } = drawn;
  const all = buckets(view, answer, metric.id);
  const per = intervalOf(view);
  const box = useRef<HTMLDivElement>(null);
  const probe = useRef<HTMLSpanElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [at, setAt] = useState<number | null>(null);
  const [width, setWidth] = useState(0);

  useEffect(() => {
    if (!box.current) return;
    const watch = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);

  const theme = painted.value;
  useEffect(() => {
    if (!box.current || !probe.current || width === 0) return;
    const made = draw(box.current, {
      buckets: all,
      metric: metric.id,
      colours: readColours(probe.current),
      font: getComputedStyle(document.body).fontFamily,
      width,
      height: box.current.clientHeight,
      onPoint: (index) => setAt(index !== null && all[index]?.value != null ? index : null),
    });
    plot.current = made;
    return () => made.destroy();
  }, [answer, metric.id, view.span.from, view.span.to, width, theme]);

  const walk = (to: number) => {
    const last = all.findLastIndex((bucket) => !bucket.ahead);
    const index = Math.max(0, Math.min(last, to));
    const made = plot.current;
    if (!made) return;
    made.setCursor({ left: made.valToPos(index, "x"), top: 0 });
    setAt(index);
  };

  const open = (index: number | null) => {
    const day = index === null ? undefined : all[index]?.label;
    if (per === "day" && day) change(address.value, { period: { id: "custom", from: day, to: day } });
  };

  const onKeyDown = (event: KeyboardEvent) => {
    const from = at ?? all.findLastIndex((bucket) => !bucket.ahead) + 1;
    if (event.key === "ArrowLeft") walk(from - 1);
    else if (event.key === "ArrowRight") walk(from + 1);
    else if (event.key === "Home") walk(0);
    else if (event.key === "End") walk(all.length);
    else if (event.key === "Enter") open(at);
    else return;
    event.preventDefault();
  };

  const here = at === null ? undefined : all[at];
  const place = plot.current && at !== null ? plot.current.valToPos(at, "x") + plot.current.over.offsetLeft : 0;
  const flip = place > width / 2;
  return (
    <div
      class="plot"
      role="slider"
      tabIndex={0}
      aria-label={`${metricName(metric, view)} per ${per}; arrows walk, the same numbers follow as a table`}
      aria-valuemin={0}
      aria-valuemax={Math.max(0, all.length - 1)}
      aria-valuenow={at ?? 0}
      aria-valuetext={here ? `${here.long}: ${text(metric.id, here.value)} ${metric.plain}` : "no point chosen"}
      onKeyDown={onKeyDown}
      onBlur={() => setAt(null)}
      onClick={() => open(at)}
    >
      <span ref={probe} class="probe" aria-hidden="true" />
      <div ref={box} class={`canvas ${per === "day" ? "opens" : ""}`} />
      {here && <Tip bucket={here} metric={metric} at={{ left: flip ? width - place + TIP_GAP : place + TIP_GAP, flip }} />}
    </div>
  );
}

export function Chart({ view }: { view: View }) {
  const metric = TOP.find((one) => one.id === view.metric) ?? TOP[0];
  if (!metric) return null;
  const query = {
    ...baseQuery(view, [metric.id]),
    dimensions: [`time:${intervalOf(view)}`],
    include: { time_labels: true },
  };
  const loaded = useLoad(
    JSON.stringify(query),
    async (signal): Promise<Drawn> => ({ view, metric, answer: await report(query, signal) }),
    view.span.to === view.today ? beat.value : 0,
  );
  const drawn = loaded.value;
  const all = drawn ? buckets(drawn.view, drawn.answer, drawn.metric.id) : [];
  const withheld = drawn?.answer.meta.withheld && drawn.answer.results.length === 0;
  return (
    <div class="chart">
      {loaded.stale && <Progress />}
      <div class="chart-head">{drawn && !withheld && !loaded.error ? <Keys view={drawn.view} all={all} answer={drawn.answer} /> : <ul class="keys" />}</div>
      <div class={`chart-body ${loaded.stale ? "is-stale" : ""}`} aria-busy={loaded.stale || !drawn}>
        {loaded.error ? (
          <Failed error={loaded.error} again={loaded.again} />
        ) : drawn && withheld ? (
          <Empty icon="hide" title="Too few to show by the hour">
            <p>
              Fewer than {drawn.answer.meta.threshold ?? view.site.threshold} visitors. The totals above are exact; hours
              are drawn when there are more.
            </p>
          </Empty>
        ) : drawn ? (
          <>
            <Plot drawn={drawn} />
            <NumbersTable all={all} metric={drawn.metric} per={intervalOf(drawn.view)} />
          </>
        ) : (
          <div class="plot is-bone" />
        )}
      </div>
    </div>
  );
}
