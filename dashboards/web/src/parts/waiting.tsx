/**
 * Waits for the first visit of a site, asking every two seconds. Says what arrived and was not
 * counted, and whether this very browser is one that asks not to be counted.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { report, type Outcomes, type Site } from "../state/api";
import { nowIn } from "../state/days";
import { count } from "../state/metrics";
import { outcomesOf, reasonText, sumOf } from "./counted";
import { Callout } from "./empty";
import { Icon } from "./icon";

const EVERY = 2000;

/** The page itself can see that this browser will not be counted. */
export function optOutSignal(): "Do Not Track" | "Global Privacy Control" | null {
  const browser = navigator as Navigator & { globalPrivacyControl?: boolean; doNotTrack?: string | null };
  if (browser.globalPrivacyControl === true) return "Global Privacy Control";
  return browser.doNotTrack === "1" ? "Do Not Track" : null;
}

export function OptOutNotice() {
  const signal = optOutSignal();
  if (!signal) return null;
  return (
    <Callout kind="warn" title="This browser will not be counted">
      <p>
        It sends {signal}, and headcount keeps nothing of browsers that do. Open your site in another browser or on
        another device to see it arrive.
      </p>
    </Callout>
  );
}

export function Waiting({ site, arrived }: { site: Site; arrived: () => void }) {
  const [outcomes, setOutcomes] = useState<Outcomes>({});
  const [lost, setLost] = useState(false);
  const [here, setHere] = useState(false);
  const done = useRef(arrived);
  done.current = arrived;

  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const ask = async () => {
      try {
        const answer = await report({ site_id: site.domain, metrics: ["pageviews"], date_range: "day" }, stop.signal);
        setLost(false);
        if ((answer.results[0]?.metrics[0] ?? 0) > 0) {
          setHere(true);
          return;
        }
        const today = nowIn(site.timezone).day;
        setOutcomes(await outcomesOf(site.domain, today, today, stop.signal));
      } catch {
        if (stop.signal.aborted) return;
        setLost(true);
      }
      timer = setTimeout(ask, EVERY);
    };
    void ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [site.domain]);

  useEffect(() => {
    if (!here) return;
    const timer = setTimeout(() => done.current(), 1200);
    return () => clearTimeout(timer);
  }, [here]);

  if (here) {
    return (
      <div class="empty" role="status">
        <span class="dot-good">
          <Icon name="check" />
        </span>
        <h2>It arrived</h2>
        <p>The first page view of {site.domain} was counted. Here comes the report.</p>
      </div>
    );
  }
  const not = sumOf(outcomes);
  return (
    <div class="empty" aria-live="polite">
      <div class="waiting" aria-hidden="true">
        <i />
        <i />
        <i />
        <i />
      </div>
      <h2>Waiting for the first visit</h2>
      <p>
        Open{" "}
        {site.domain === "demo.example" ? (
          <a href="/demo" target="_blank">
            the demo site
          </a>
        ) : (
          <a href={`https://${site.domain}/`} target="_blank" rel="noopener noreferrer">
            {site.domain}
          </a>
        )}{" "}
        in another tab. This page notices by itself.
      </p>
      {not > 0 && (
        <p class="quiet">
          {count(not)} {not === 1 ? "request" : "requests"} came and {not === 1 ? "was" : "were"} not counted:{" "}
          {reasonText(outcomes)}
        </p>
      )}
      {lost && <p class="quiet">The server does not answer at the moment. Asking again.</p>}
    </div>
  );
}
