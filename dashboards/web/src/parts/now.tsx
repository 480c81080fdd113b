/** Current visitors: those of the last five minutes, asked again every 30 seconds. */
import { report } from "../state/api";
import { beat, useLoad } from "../state/load";
import { count } from "../state/metrics";

export function Now({ site, bare = false }: { site: string; bare?: boolean }) {
  const { value } = useLoad(
    `now ${site}`,
    (signal) => report({ site_id: site, metrics: ["visitors"], date_range: "realtime" }, signal),
    beat.value,
  );
  const visitors = value?.results[0]?.metrics[0] ?? null;
  return (
    <span class={`now ${visitors ? "" : "none"} ${bare ? "bare" : ""}`} title="Visitors of the last 5 minutes">
      <b>{visitors === null ? "–" : count(visitors)}</b>
      {!bare && (
        <span class="only-wide" aria-hidden="true">
          now
        </span>
      )}
      <span class="unseen"> current visitors</span>
    </span>
  );
}
