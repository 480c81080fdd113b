/** Errors of pages' scripts as templates: what they said, without digits, quoted words and addresses. */
import { beat, useLoad } from "../state/load";
import { count } from "../state/metrics";
import { scriptErrors, type ScriptError } from "../state/vitals";
import type { View } from "../state/view";
import { Bone, Failed } from "./empty";
import { Progress } from "./list-panel";

function Table({ rows }: { rows: ScriptError[] }) {
  const most = rows[0]?.events ?? 1;
  return (
    <table class="list errors">
      <caption>Errors of scripts by how often they happened</caption>
      <thead>
        <tr>
          <th scope="col">Error</th>
          <th scope="col" class="n wide-only">
            Pages
          </th>
          <th scope="col" class="n wide-only">
            Browsers
          </th>
          <th scope="col" class="n" aria-sort="descending">
            Times
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ template, events, pages, browsers }) => (
          <tr key={template}>
            <th scope="row" class="name" style={{ "--share": `${((events / most) * 100).toFixed(1)}%` }}>
              <span class="cell">
                <code>{template}</code>
              </span>
            </th>
            <td class="n wide-only">{count(pages)}</td>
            <td class="n wide-only">{count(browsers)}</td>
            <td class="n">{count(events)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function ScriptErrors({ view }: { view: View }) {
  const { site, span } = view;
  const { value, stale, error, again } = useLoad(
    `errors ${site.domain} ${span.from} ${span.to}`,
    (stop) => scriptErrors(site.domain, span.from, span.to, stop),
    span.to === view.today ? beat.value : 0,
  );
  const least = site.threshold > 1 ? ` An error that happened fewer than ${site.threshold} times is not listed.` : "";
  return (
    <section class="panel measured" aria-labelledby="script-errors">
      <header>
        <h2 id="script-errors">Errors of scripts</h2>
        {stale && <Progress />}
      </header>
      <div class={`body ${stale ? "is-stale" : ""}`} aria-busy={stale}>
        {error ? (
          <Failed error={error} again={again} />
        ) : !value ? (
          <Bone width={20} />
        ) : value.length === 0 ? (
          <p class="muted none">No errors in this period.</p>
        ) : (
          <Table rows={value} />
        )}
      </div>
      <footer>
        <span>Digits, quoted words and addresses are cut from an error before it is sent.{least}</span>
      </footer>
    </section>
  );
}
