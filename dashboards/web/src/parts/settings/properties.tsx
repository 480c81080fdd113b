/** Names of properties that are stored, and what was held back in the last 30 days. */
import { useState } from "preact/hooks";
import { announce } from "../../state/announce";
import type { Site } from "../../state/api";
import { nowIn, plusDays } from "../../state/days";
import { beat, useLoad } from "../../state/load";
import { count } from "../../state/metrics";
import { asApiError, keepProperty, keptBack, type Draft, type KeptBack } from "../../state/rules";
import { Bone, Failed } from "../empty";
import { Icon } from "../icon";
import { ListEditor } from "./list-editor";
import { Section } from "./section";

/** Days that "Kept back" looks at, today included. */
const DAYS = 30;

/** What a day has too many different ones of, in words; anything else is a property. */
const PLENTY: Record<string, string> = {
  page: "pages",
  hostname: "hostnames",
  name: "names of events",
  referrer: "referrers",
  source: "sources",
  utm_source: "UTM sources",
  utm_medium: "UTM media",
  utm_campaign: "UTM campaigns",
  utm_term: "UTM terms",
  utm_content: "UTM contents",
  language: "languages",
  currency: "currencies",
  error: "errors of scripts",
  property: "names of properties",
};

function times(n: number): string {
  return n === 1 ? "once" : `${count(n)} times`;
}

function Why({ row }: { row: KeptBack }) {
  if (row.what === "value") {
    return (
      <>
        Values of <b>{row.name}</b> looked like an id or an address of somebody and were not kept: {times(row.events)}.
      </>
    );
  }
  const many = PLENTY[row.name];
  return (
    <>
      A day had more different {many ?? "values"}
      {!many && (
        <>
          {" "}
          of <b>{row.name}</b>
        </>
      )}{" "}
      than are kept apart; what came after is listed as “(more)”: {times(row.events)}.
    </>
  );
}

function Offered({ domain, draft, rows }: { domain: string; draft: Draft; rows: KeptBack[] }) {
  const [wrong, setWrong] = useState<{ name: string; message: string } | null>(null);
  const keep = async (name: string) => {
    try {
      await keepProperty(domain, name);
      setWrong(null);
      announce(`${name} is kept from now on`);
    } catch (cause) {
      setWrong({ name, message: asApiError(cause).message });
    }
  };
  if (rows.length === 0) return <p class="quiet">No property was sent that is not on the list.</p>;
  return (
    <table class="list plain lined">
      <caption>Properties that were sent and not kept in the last {DAYS} days</caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col" class="n">
            Sent
          </th>
          <th scope="col" class="n">
            <span class="unseen">Keep</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ name, events }) => (
          <tr key={name}>
            <th scope="row" class="name">
              <span class="cell">
                <span class="cut mono" title={name}>
                  {name}
                </span>
                {wrong?.name === name && (
                  <span class="wrong" role="alert">
                    <Icon name="alert" />
                    {wrong.message}
                  </span>
                )}
              </span>
            </th>
            <td class="n">{times(events)}</td>
            <td class="n">
              {draft.saved.properties.includes(name) ? (
                <span class="badge good">
                  <Icon name="check" />
                  Kept from now on
                </span>
              ) : (
                <button type="button" class="button" onClick={() => void keep(name)}>
                  Keep<span class="unseen"> {name}</span>
                </button>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function HeldBack({ site, draft }: { site: Site; draft: Draft }) {
  const today = nowIn(site.timezone).day;
  const from = plusDays(today, 1 - DAYS);
  const { value: rows, error, again } = useLoad(`kept back ${site.domain} ${today}`, (stop) => keptBack(site.domain, from, today, stop), beat.value);
  const others = rows?.filter((row) => row.what !== "property") ?? [];
  return (
    <>
      <div>
        <h3>Kept back</h3>
        <p class="hint">In the last {DAYS} days. Only names are known here: what was sent under them is gone. New ones show within a minute.</p>
      </div>
      {error ? (
        <Failed error={error} again={again} />
      ) : !rows ? (
        <Bone width={16} />
      ) : (
        <Offered domain={site.domain} draft={draft} rows={rows.filter((row) => row.what === "property")} />
      )}
      {others.length > 0 && (
        <ul class="told">
          {others.map((row) => (
            <li key={`${row.what} ${row.name}`}>
              <Icon name="note" />
              <span>
                <Why row={row} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

export function Properties({ site, draft }: { site: Site; draft: Draft }) {
  return (
    <Section
      id="properties"
      title="Properties"
      about="Words that your pages send along with an event. Only the names listed here are stored; of each, at most 200 different values a day."
      domain={site.domain}
      draft={draft}
      fields={["properties"]}
    >
      {(wrong) => (
        <>
          <ListEditor
            domain={site.domain}
            draft={draft}
            field="properties"
            label="Properties that are kept"
            most={draft.most}
            hint={
              <>
                As in <code>{`headcount("Signup", { props: { plan: "raft" } })`}</code>. The script's own ({draft.own.join(", ")}) are
                kept without an entry.
              </>
            }
            wrong={wrong("properties")}
            placeholder="plan"
            none="None of your own."
          />
          <HeldBack site={site} draft={draft} />
        </>
      )}
    </Section>
  );
}
