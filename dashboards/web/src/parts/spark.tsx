/** The visitors of the last 28 days as a small line, without axes; the report has the numbers. */
import { report, type Site } from "../state/api";
import { nowIn, plusDays } from "../state/days";
import { useLoad } from "../state/load";

const DAYS = 28;
const WIDTH = 120;
const HEIGHT = 30;

export function Spark({ site }: { site: Site }) {
  const { value } = useLoad(`spark ${site.domain}`, (signal) =>
    report({ site_id: site.domain, metrics: ["visitors"], date_range: "28d", dimensions: ["time:day"] }, signal),
  );
  const today = nowIn(site.timezone).day;
  const found = new Map(value?.results.map((row) => [row.dimensions[0], row.metrics[0] ?? 0]));
  const values = Array.from({ length: DAYS }, (_, index) => found.get(plusDays(today, index - DAYS)) ?? 0);
  const top = Math.max(...values);
  const x = (index: number) => ((index / (DAYS - 1)) * WIDTH).toFixed(1);
  const y = (n: number) => (top > 0 ? HEIGHT - 1 - (n / top) * (HEIGHT - 3) : HEIGHT - 1).toFixed(1);
  const line = values.map((n, index) => `${index ? "L" : "M"}${x(index)} ${y(n)}`).join(" ");
  return (
    <svg
      class={`spark ${top > 0 ? "" : "flat"}`}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={top > 0 ? "Visitors per day, last 28 days" : "No visitors in the last 28 days"}
    >
      <path class="area" d={`${line} L${WIDTH} ${HEIGHT} L0 ${HEIGHT}Z`} />
      <path d={line} />
    </svg>
  );
}
