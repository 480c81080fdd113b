/** What a site keeps and what it leaves out, and the lines to put on its pages. */
import { useEffect } from "preact/hooks";
import { me as who } from "../state/login";
import type { Me, Site } from "../state/api";
import { useLoad } from "../state/load";
import { draftOf, isChanged, loadRules, type Field } from "../state/rules";
import { Bone, Failed } from "../parts/empty";
import { Frame } from "../parts/frame";
import { Addresses } from "../parts/settings/addresses";
import { LeaveOut } from "../parts/settings/leave-out";
import { OtherTools } from "../parts/settings/other-tools";
import { Properties } from "../parts/settings/properties";
import { Scripts } from "../parts/settings/scripts";
import { hostOf } from "../parts/snippet";
import "../styles/settings.css";

const SECTIONS: { id: string; label: string; fields: Field[] }[] = [
  { id: "addresses", label: "Addresses", fields: ["query_params", "path_rules"] },
  { id: "properties", label: "Properties", fields: ["properties"] },
  { id: "leave-out", label: "Leave out", fields: ["excluded_paths", "excluded_networks", "excluded_countries"] },
  { id: "other-tools", label: "Other tools", fields: ["ids"] },
  { id: "scripts", label: "Scripts", fields: [] },
];

export function Settings({ me, site }: { me: Me; site: Site }) {
  const { domain } = site;
  const { error, again } = useLoad(`rules ${domain}`, (stop) => loadRules(domain, stop));
  const draft = draftOf(domain).value;
  const changed = draft !== null && SECTIONS.some(({ fields }) => isChanged(draft, fields));

  // leaving the dashboard would lose what is not saved; its own pages do not
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent) => changed && who.value && event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [changed]);
  // sections are there only now, so an address that names one is followed now
  useEffect(() => {
    if (draft && location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
  }, [draft === null]);

  return (
    <Frame title={`Settings of ${domain}`} site={site} at="settings" foot={<span>Time zone {site.timezone}</span>}>
      <div class="page-head">
        <div>
          <h1>Settings</h1>
          <p>{domain}: what is kept of a visit, and which visits are not counted. Changes hold from the next event on.</p>
        </div>
      </div>
      <div class="with-side settings">
        <nav class="side" aria-label="Settings">
          {SECTIONS.map(({ id, label, fields }) => (
            <a key={id} href={`#${id}`}>
              {label}
              {draft && isChanged(draft, fields) && <span class="badge warn">Not saved</span>}
              {draft && !isChanged(draft, fields) && fields.length > 0 && (
                <span class="count">{fields.reduce((sum, field) => sum + draft.saved[field].length, 0)}</span>
              )}
            </a>
          ))}
        </nav>
        <div class="stack">
          {error && !draft ? (
            <div class="card">
              <Failed error={error} again={again} />
            </div>
          ) : !draft ? (
            <div class="card">
              <Bone width={20} />
              <Bone width={28} />
              <Bone width={24} />
            </div>
          ) : (
            <>
              <Addresses site={site} draft={draft} />
              <Properties site={site} draft={draft} />
              <LeaveOut domain={domain} draft={draft} />
              <OtherTools domain={domain} draft={draft} />
              <Scripts site={site} host={hostOf(me)} isDemo={me.demo && domain === "demo.example"} />
            </>
          )}
        </div>
      </div>
    </Frame>
  );
}
