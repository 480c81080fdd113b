/** What was not counted in a period, and why: by group and reason, and by day. */
import { address } from "../state/address";
import { report, type Me, type Site } from "../state/api";
import { dayRange, nowIn } from "../state/days";
import { beat, useLoad } from "../state/load";
import { count, percent } from "../state/metrics";
import { columns, groups, refusals, total, type Group } from "../state/refusals";
import { readView, type View } from "../state/view";
import { ByDay } from "../parts/by-day";
import { Bone, Empty, Failed } from "../parts/empty";
import { Frame, siteHref } from "../parts/frame";
import { Keys } from "../parts/keys";
import { Longer, Progress } from "../parts/list-panel";
import { DaysBar } from "../parts/toolbar";
import "../styles/measured.css";

function GroupPanel({ group, most }: { group: Group; most: number }) {
  return (
    <section class="panel reasons" aria-labelledby={`group-${group.id}`}>
      <header>
        <h2 id={`group-${group.id}`}>{group.title}</h2>
        <span class="end">{count(group.events)}</span>
      </header>
      <div class="body">
        <p class="quiet">{group.about}</p>
        <table class="list">
          <caption>{group.title} by events</caption>
          <thead class="unseen">
            <tr>
              <th scope="col">Reason</th>
              <th scope="col">Events</th>
            </tr>
          </thead>
          <tbody>
            {group.lines.map(({ name, means, events }) => (
              <tr key={name}>
                <th scope="row" class="name" style={{ "--share": `${((events / most) * 100).toFixed(1)}%` }}>
                  <span class="cell">
                    <b>{name}</b>
                    <small>{means}</small>
                  </span>
                </th>
                <td class="n">{count(events)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Nothing({ view }: { view: View }) {
  return (
    <section class="panel" aria-label="Not counted">
      <Empty icon="check" level={2} title="Everything was counted">
        <p>
          Nothing that arrived for {view.site.domain} {view.span.days === 1 && view.span.to === view.today ? "today" : "in this period"} was
          left out. New counts show within a minute.
        </p>
        <Longer view={view} />
      </Empty>
    </section>
  );
}

function Sums({ view, not }: { view: View; not: number }) {
  const { site, span } = view;
  const query = { site_id: site.domain, metrics: ["events"], date_range: span.asked };
  const { value } = useLoad(JSON.stringify(query), (stop) => report(query, stop), span.to === view.today ? beat.value : 0);
  const counted = value ? (value.results[0]?.metrics[0] ?? 0) : null;
  return (
    <dl class="sums">
      <div>
        <dt>Not counted</dt>
        <dd>{count(not)}</dd>
      </div>
      <div>
        <dt>Counted</dt>
        <dd>{counted === null ? <Bone width={3} /> : count(counted)}</dd>
      </div>
      <div>
        <dt>Left out of all that arrived</dt>
        <dd>{counted === null ? <Bone width={3} /> : percent(not, not + counted)}</dd>
      </div>
    </dl>
  );
}

export function Filtered({ site }: { me: Me; site: Site }) {
  const turn = beat.value;
  const view = readView(address.value, site, nowIn(site.timezone).day);
  const { from, to } = view.span;
  const { value, stale, error, again } = useLoad(
    `refusals ${site.domain} ${from} ${to}`,
    async (stop) => ({ view, rows: await refusals(site.domain, from, to, stop) }),
    to === view.today ? turn : 0,
  );
  const found = value ? groups(value.rows) : [];
  const most = Math.max(1, ...found.flatMap(({ lines }) => lines.map(({ events }) => events)));
  return (
    <Frame
      title={`Not counted, ${site.domain}`}
      site={site}
      at="filtered"
      toolbar={
        <DaysBar view={view}>
          <h1>Not counted</h1>
        </DaysBar>
      }
      foot={
        <>
          <span>Time zone {site.timezone}</span>
          <span>
            Press <kbd>?</kbd> for keys
          </span>
        </>
      }
    >
      <p class="lead">
        Requests for {site.domain}, {dayRange(from, to, view.today)}, that were left out, and why. Only these counts are kept of them.
        Browsers that ask not to be counted are not among them: no site keeps a number of those.
      </p>
      {error ? (
        <section class="panel" aria-label="Not counted">
          <Failed error={error} again={again} />
        </section>
      ) : !value ? (
        <section class="panel top" aria-label="Not counted" aria-busy="true">
          <dl class="sums">
            <div>
              <dt>Not counted</dt>
              <dd>
                <Bone width={4} />
              </dd>
            </div>
          </dl>
        </section>
      ) : value.rows.length === 0 ? (
        <Nothing view={value.view} />
      ) : (
        <div class={stale ? "is-stale" : ""} aria-busy={stale} inert={stale}>
          <section class="panel top" aria-label="Sums and days">
            {stale && <Progress />}
            <Sums view={value.view} not={total(value.rows)} />
            {value.view.span.days > 1 && <ByDay columns={columns(value.rows, value.view.span.from, value.view.span.to)} today={view.today} what="Not counted" />}
          </section>
          <div class="grid">
            {found.map((group) => (
              <GroupPanel key={group.id} group={group} most={most} />
            ))}
          </div>
          <p class="lead">
            The rules are in the <a href={siteHref(site.domain, "/settings#leave-out")}>settings</a>. Counts are written once a minute.
          </p>
        </div>
      )}
      <Keys view={view} daysOnly />
    </Frame>
  );
}
