/**
 * One line of trust under the chart: how many events were counted, how many were not, and why. The
 * reasons never include visitors who asked not to be counted: of those no number is kept.
 */
import { address } from "../state/address";
import { call, type Answer, type Outcomes } from "../state/api";
import { beat, useLoad } from "../state/load";
import { count } from "../state/metrics";
import { noComparison } from "../state/compare";
import type { View } from "../state/view";
import { daysOf, siteHref } from "./frame";
import { Popover } from "./popover";
import { total } from "./tiles";

const REASONS: Record<string, [name: string, means: string]> = {
  bot: ["bot", "A known crawler, a headless browser, or no User-Agent."],
  excluded: ["excluded", "A host, path, network or country that this site does not count."],
  spam_referrer: ["spam referrer", "The source is on the spam list."],
  invalid: ["invalid", "The request could not be understood."],
  too_large: ["too large", "The request was bigger than allowed."],
  limited: ["limited", "Too many requests from one network at once."],
  spool_full: ["spool full", "There was no room on the disk; the browser was told."],
  unavailable: ["unavailable", "Counting was not possible at that moment; the browser was told."],
  internal: ["internal fault", "A fault of headcount. The log has more."],
};

function reasons(outcomes: Outcomes): [string, number][] {
  return Object.entries(outcomes)
    .filter(([name, n]) => n > 0 && name !== "accepted")
    .sort((a, b) => b[1] - a[1]);
}

/** "bot 3 · excluded 1" */
export function reasonText(outcomes: Outcomes): string {
  return reasons(outcomes)
    .map(([name, n]) => `${REASONS[name]?.[0] ?? name} ${count(n)}`)
    .join(" · ");
}

export function sumOf(outcomes: Outcomes): number {
  return reasons(outcomes).reduce((sum, [, n]) => sum + n, 0);
}

export function outcomesOf(site: string, from: string, to: string, signal?: AbortSignal): Promise<Outcomes> {
  return call<Outcomes>(`/api/sites/${encodeURIComponent(site)}/outcomes?from=${from}&to=${to}`, undefined, signal);
}

function Ledger({ outcomes }: { outcomes: Outcomes }) {
  return (
    <>
      <h3>Not counted, by reason</h3>
      <p>What arrived for this site in these days and was left out.</p>
      <dl class="ledger">
        {reasons(outcomes).map(([name, n]) => (
          <div key={name}>
            <dt>
              <b>{REASONS[name]?.[0] ?? name}</b>
              <span>{REASONS[name]?.[1]}</span>
            </dt>
            <dd>{count(n)}</dd>
          </div>
        ))}
      </dl>
      <p>Browsers that ask not to be counted are not among them: no site keeps a number of those.</p>
    </>
  );
}

export function Counted({ view, totals }: { view: View; totals: Answer | null }) {
  const { site, span } = view;
  const { value: outcomes, error } = useLoad(
    `outcomes ${site.domain} ${span.from} ${span.to}`,
    (signal) => outcomesOf(site.domain, span.from, span.to, signal),
    span.to === view.today ? beat.value : 0,
  );
  const events = total(totals, "events");
  const not = outcomes ? sumOf(outcomes) : 0;
  const filtered = view.filters.length > 0;
  const late = totals?.meta.late_rows ?? 0;
  const none = view.compare && noComparison(totals);
  return (
    <div class="counted">
      <span>
        <b>{events === null ? "–" : count(events)}</b> {events === 1 ? "event" : "events"} counted
        {filtered && " with these filters"}
      </span>
      {outcomes && not === 0 && <span>none left out{filtered && ", in the whole site"}</span>}
      {outcomes && not > 0 && (
        <span>
          <Popover
            label="Not counted, by reason"
            buttonClass="link"
            button={
              <>
                <b>{count(not)}</b> not counted
              </>
            }
          >
            {() => (
              <>
                <Ledger outcomes={outcomes} />
                <p>
                  <a href={siteHref(site.domain, "/filtered" + daysOf(address.value.searchParams))}>By reason and day</a>
                </p>
              </>
            )}
          </Popover>
          {filtered && " in the whole site"}: {reasonText(outcomes)}
        </span>
      )}
      {late > 0 && (
        <span>
          <b>{count(late)}</b> {late === 1 ? "event arrived late and was" : "events arrived late and were"} added to days already
          closed
        </span>
      )}
      {none && <span>{none}</span>}
      {view.compare && !none && span.to === view.today && <span>Today is not over; it is compared with whole days</span>}
      {error && <span>What was not counted could not be loaded.</span>}
      <span class="end">Exact, not sampled</span>
    </div>
  );
}
