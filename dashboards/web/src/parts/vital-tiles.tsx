/** The five numbers as tiles: the 75th percentile, what it is called, and how far others are from it. */
import { count } from "../state/metrics";
import { limitText, measure, measureText, verdict, VERDICTS, VITALS, type Measured, type MetricId, type Verdict, type Vital } from "../state/vitals";
import { Bone } from "./empty";

/** A mark of its own shape for each verdict, so that colour is never alone. */
export function VerdictMark({ is }: { is: Verdict }) {
  return (
    <span class={`verdict ${is}`}>
      <svg viewBox="0 0 10 10" aria-hidden="true">
        {is === "good" ? <circle cx="5" cy="5" r="4.500" /> : is === "fair" ? <path d="M0 0h10v10H0z" /> : <path d="M5 0l5 9.500H0z" />}
      </svg>
      {VERDICTS[is]}
    </span>
  );
}

function Limits({ vital }: { vital: Vital }) {
  const [good, poor] = vital.limits;
  return (
    <p class="limits">
      Good to {limitText(vital.id, good)}, poor over {limitText(vital.id, poor)}
    </p>
  );
}

interface Props {
  rows: Measured[] | null;
  on: MetricId;
  href: (id: MetricId) => string;
}

function Tile({ vital, row, loading, on, href }: { vital: Vital; row: Measured | undefined; loading: boolean; on: boolean; href: string }) {
  const [digits, unit] = row ? measure(vital.id, row.p75) : ["–", ""];
  return (
    <div class={`tile vital ${on ? "is-on" : ""}`}>
      <div class="label">
        <a class="pick" href={href} aria-current={on ? "true" : undefined}>
          <abbr title={vital.name}>{vital.short}</abbr> <span>{vital.name}</span>
        </a>
      </div>
      <div class="value">
        {loading ? (
          <Bone width={4} />
        ) : (
          <span>
            {digits}
            <small>{unit}</small>
          </span>
        )}
      </div>
      {row && <VerdictMark is={verdict(vital, row.p75)} />}
      {row ? (
        <dl class="levels">
          {(["p50", "p75", "p90", "p99"] as const).map((level) => (
            <div key={level}>
              <dt>{level}</dt>
              <dd>{measureText(vital.id, row[level])}</dd>
            </div>
          ))}
        </dl>
      ) : (
        !loading && <p class="limits">Not measured, or too rarely.</p>
      )}
      <Limits vital={vital} />
      {row && (
        <p class="limits">
          {count(row.events)} {row.events === 1 ? "page" : "pages"} measured
        </p>
      )}
    </div>
  );
}

export function VitalTiles({ rows, on, href }: Props) {
  return (
    <div class="tiles vitals">
      {VITALS.map((vital) => (
        <Tile
          key={vital.id}
          vital={vital}
          row={rows?.find(({ metric }) => metric === vital.id)}
          loading={rows === null}
          on={vital.id === on}
          href={href(vital.id)}
        />
      ))}
    </div>
  );
}
