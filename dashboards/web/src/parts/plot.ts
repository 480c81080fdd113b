/**
 * The drawing of the chart, with uPlot: a line over whole buckets, dots to those that are not
 * over or not whole, a dashed one for the period compared with, weekends banded, at most four grid lines, y from
 * zero. Knows no loading and no words.
 */
import uPlot from "uplot";
import { gridLines, namedPoints, type Bucket } from "../state/buckets";
import { axisText, type MetricId } from "../state/metrics";

/** The colours a canvas needs as plain values; it cannot read `light-dark()`. */
export interface Colours {
  series: string;
  fill: string;
  unfinished: string;
  compare: string;
  grid: string;
  base: string;
  weekend: string;
  axis: string;
  surface: string;
}

const TOKENS: Record<keyof Colours, string> = {
  series: "--series",
  fill: "--series-fill",
  unfinished: "--unfinished",
  compare: "--series-compare",
  grid: "--grid",
  base: "--hairline",
  weekend: "--weekend",
  axis: "--axis-text",
  surface: "--surface",
};

/** Reads the tokens through a probe element, whose computed colour is resolved for the theme. */
export function readColours(probe: HTMLElement): Colours {
  const read = (token: string) => {
    probe.style.color = `var(${token})`;
    return getComputedStyle(probe).color;
  };
  return Object.fromEntries(Object.entries(TOKENS).map(([name, token]) => [name, read(token)])) as unknown as Colours;
}

const LINE = 2;
const QUIET_LINE = 1.5;
const AXIS_WIDTH = 44;
const AXIS_HEIGHT = 26;
/** room at the right, so that the last point and its name are not cut */
const END_ROOM = 22;

interface Drawing {
  buckets: Bucket[];
  metric: MetricId;
  colours: Colours;
  font: string;
  width: number;
  height: number;
  /** the bucket under the pointer, and its place in the drawing */
  onPoint: (index: number | null) => void;
}

/** Not over, or not whole: drawn apart, since its number stands for less than the others do. */
const isUnfinished = (bucket: Bucket | undefined) => Boolean(bucket && (bucket.running || bucket.part));

function wholeValues(all: Bucket[]): (number | null)[] {
  return all.map((bucket) => (isUnfinished(bucket) || bucket.ahead ? null : bucket.value));
}

/** The stretches that lead to a bucket drawn apart. */
function unfinishedValues(all: Bucket[]): (number | null)[] {
  return all.map((bucket, index) => ([bucket, all[index - 1], all[index + 1]].some(isUnfinished) ? bucket.value : null));
}

function bands(plot: uPlot, all: Bucket[], colour: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.fillStyle = colour;
  all.forEach((bucket, index) => {
    if (!bucket.weekend) return;
    const left = plot.valToPos(index - 0.5, "x", true);
    ctx.fillRect(left, bbox.top, plot.valToPos(index + 0.5, "x", true) - left, bbox.height);
  });
  ctx.restore();
}

/** Points that no line leads to, and the open points of what is drawn apart. */
function points(plot: uPlot, all: Bucket[], colours: Colours): void {
  const { ctx } = plot;
  const dpr = devicePixelRatio;
  ctx.save();
  ctx.setLineDash([]);
  all.forEach((bucket, index) => {
    if (bucket.value === null) return;
    const lonely = all[index - 1]?.value == null && all[index + 1]?.value == null;
    const open = isUnfinished(bucket);
    if (!open && !lonely) return;
    ctx.beginPath();
    ctx.arc(plot.valToPos(index, "x", true), plot.valToPos(bucket.value, "y", true), 3.5 * dpr, 0, 2 * Math.PI);
    ctx.fillStyle = open ? colours.surface : colours.series;
    ctx.fill();
    ctx.lineWidth = LINE * dpr;
    ctx.strokeStyle = open ? colours.unfinished : colours.series;
    ctx.stroke();
  });
  ctx.restore();
}

/** Makes the drawing in an element. */
export function draw(target: HTMLElement, drawing: Drawing): uPlot {
  const { buckets: all, metric, colours, font } = drawing;
  const highest = Math.max(0, ...all.flatMap((bucket) => [bucket.value ?? 0, bucket.before ?? 0]));
  const lines = gridLines(highest, metric);
  const top = Math.max(lines.at(-1) ?? 1, highest) || 1;
  const last = Math.max(1, all.length - 1);
  const named = namedPoints(all, drawing.width - AXIS_WIDTH);
  const axisFont = `12px ${font}`;

  return new uPlot(
    {
      width: drawing.width,
      height: drawing.height,
      padding: [8, END_ROOM, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 9, width: LINE, fill: colours.surface, stroke: (_, series) => (series === 1 ? colours.compare : colours.series) } },
      scales: { x: { time: false, range: [0, last] }, y: { range: [0, top] } },
      axes: [
        {
          font: axisFont,
          stroke: colours.axis,
          size: AXIS_HEIGHT,
          gap: 6,
          grid: { show: false },
          ticks: { show: false },
          splits: () => named,
          values: (_, splits) => splits.map((index) => all[index]?.short ?? ""),
        },
        {
          font: axisFont,
          stroke: colours.axis,
          size: AXIS_WIDTH,
          gap: 8,
          grid: { stroke: colours.grid, width: 1 },
          ticks: { show: false },
          splits: () => lines,
          values: (_, splits) => splits.map((value) => (value === 0 ? "" : axisText(metric, value))),
        },
      ],
      series: [
        {},
        { stroke: colours.compare, width: QUIET_LINE, dash: [5, 4], points: { show: false }, spanGaps: false },
        { stroke: colours.series, width: LINE, fill: colours.fill, points: { show: false }, spanGaps: false },
        { stroke: colours.unfinished, width: LINE, dash: [0.1, 5], cap: "round", points: { show: false } },
      ],
      hooks: {
        drawClear: [(plot) => bands(plot, all, colours.weekend)],
        draw: [(plot) => points(plot, all, colours)],
        setCursor: [({ cursor }) => drawing.onPoint((cursor.left ?? -1) >= 0 ? (cursor.idx ?? null) : null)],
      },
    },
    [all.map((_, index) => index), all.map((bucket) => bucket.before), wholeValues(all), unfinishedValues(all)],
    target,
  );
}
