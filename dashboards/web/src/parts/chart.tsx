/**
 * The chart of the chosen metric, with the period compared with as a second, quieter line. It takes
 * focus: arrows walk the buckets, Enter opens what a bucket stands for.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import { address } from "../state/address";
import { report, type Answer } from "../state/api";
import { buckets } from "../state/buckets";
import { INTERVALS, intervalsFor } from "../state/interval";
import { beat, useLoad } from "../state/load";
import { TOP, type Metric } from "../state/metrics";
import { painted } from "../state/theme";
import { baseQuery, change, type View } from "../state/view";
import { LineKeys, NumbersTable, pointWords, Tip } from "./chart-words";
import { Choice } from "./choice";
import { Empty, Failed } from "./empty";
import { Progress } from "./list-panel";
import { draw, readColours } from "./plot";
import { metricName } from "./tiles";

interface Drawn {
  view: View;
  metric: Metric;
  answer: Answer;
  /** the same question about the days compared with */
  other: Answer | null;
  before: [from: string, to: string] | null;
}

const TIP_GAP = 14;

function Plot({ drawn }: { drawn: Drawn }) {
  const { view, metric, answer, other } = drawn;
  const all = buckets(view, answer, metric.id, other);
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
      onPoint: (index) => setAt(index !== null && (all[index]?.value ?? all[index]?.before) != null ? index : null),
    });
    plot.current = made;
    return () => made.destroy();
  }, [answer, other, metric.id, view.interval, view.span.from, view.span.to, width, theme]);

  // another drawing has other points
  useEffect(() => setAt(null), [metric.id, view.interval, view.span.from, view.span.to]);

  const walk = (to: number) => {
    const last = all.findLastIndex((bucket) => !bucket.ahead);
    const index = Math.max(0, Math.min(last, to));
    const made = plot.current;
    if (!made) return;
    made.setCursor({ left: made.valToPos(index, "x"), top: 0 });
    setAt(index);
  };

  const open = (index: number | null) => {
    const days = index === null ? null : all[index]?.opens;
    if (days) change(address.value, { period: { id: "custom", ...days } });
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
      aria-label={`${metricName(metric, view)} per ${view.interval}; arrows walk, the same numbers follow as a table`}
      aria-valuemin={0}
      aria-valuemax={Math.max(0, all.length - 1)}
      aria-valuenow={at ?? 0}
      aria-valuetext={here ? pointWords(here, metric) : "no point chosen"}
      onKeyDown={onKeyDown}
      onBlur={() => setAt(null)}
      onClick={() => open(at)}
    >
      <span ref={probe} class="probe" aria-hidden="true" />
      <div ref={box} class={`canvas ${all[0]?.opens ? "opens" : ""}`} />
      {here && <Tip bucket={here} metric={metric} at={{ left: flip ? width - place + TIP_GAP : place + TIP_GAP, flip }} />}
    </div>
  );
}

function IntervalChoice({ view }: { view: View }) {
  const fits = intervalsFor(view);
  if (fits.length < 2) return null;
  return (
    <Choice
      label="Interval of the chart"
      name="interval"
      options={fits.map((id) => ({ id, label: INTERVALS[id].many }))}
      on={view.interval}
      choose={(interval) => change(address.value, { interval })}
    />
  );
}

function TooFewHours({ view, answer }: { view: View; answer: Answer }) {
  return (
    <Empty icon="hide" level={2} title={`Too few to show by the ${view.interval}`}>
      <p>
        Fewer than {answer.meta.threshold ?? view.site.threshold} visitors. The totals above are exact; {view.interval}s are
        drawn when there are more.
      </p>
    </Empty>
  );
}

/** Loads the line, and the other one as soon as the days compared with are known. */
function useDrawn(view: View, metric: Metric, before: [from: string, to: string] | null) {
  const asked = { ...baseQuery(view, [metric.id]), dimensions: [`time:${view.interval}`], include: { time_labels: true } };
  const key = JSON.stringify(asked);
  const loaded = useLoad(
    key,
    async (signal) => ({ key, view, metric, answer: await report(asked, signal) }),
    view.span.to === view.today ? beat.value : 0,
  );
  // minutes exist for open days only, and the day before may be closed
  const other = before && view.interval !== "minute" ? { ...asked, date_range: before } : null;
  const loadedOther = useLoad(other && JSON.stringify(other), async (signal) => {
    if (!other) throw new Error("nothing to load");
    return { key, before, answer: await report(other, signal) };
  });
  const { value } = loaded;
  const fits = other !== null && value !== null && loadedOther.value?.key === value.key;
  const beside = fits ? loadedOther.value : null;
  const drawn: Drawn | null = value && { ...value, other: beside?.answer ?? null, before: beside?.before ?? null };
  return { ...loaded, drawn };
}

export function Chart({ view, before }: { view: View; before: [from: string, to: string] | null }) {
  const metric = (TOP.find((one) => one.id === view.metric) ?? TOP[0]) as Metric;
  const { drawn, stale, error, again } = useDrawn(view, metric, before);
  const all = drawn ? buckets(drawn.view, drawn.answer, drawn.metric.id, drawn.other) : [];
  const withheld = drawn?.answer.meta.withheld && drawn.answer.results.length === 0;
  return (
    <div class="chart">
      {stale && <Progress />}
      <div class="chart-head">
        {drawn && !withheld && !error ? <LineKeys {...drawn} all={all} /> : <ul class="keys" />}
        <IntervalChoice view={view} />
      </div>
      <div class={`chart-body ${stale ? "is-stale" : ""}`} aria-busy={stale || !drawn}>
        {error ? (
          <Failed error={error} again={again} />
        ) : drawn && withheld ? (
          <TooFewHours view={drawn.view} answer={drawn.answer} />
        ) : drawn ? (
          <>
            <Plot drawn={drawn} />
            <NumbersTable view={drawn.view} all={all} metric={drawn.metric} />
          </>
        ) : (
          <div class="plot is-bone" />
        )}
      </div>
    </div>
  );
}
