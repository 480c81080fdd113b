/** The lines to put on the pages: which script, what may be added, and the pixel beside it. */
import { useState } from "preact/hooks";
import type { Site } from "../../state/api";
import { siteHref } from "../frame";
import { fileOf, OPT_OUT_PLACE, optOutTagFor, pixelFor, Snippet, tagFor, type Host, type Script } from "../snippet";

const SCRIPTS: { id: Script; label: string; counts: string }[] = [
  {
    id: "script.js",
    label: "Core, under 1 KB",
    counts: "Pages (also of single-page applications), the time they are looked at, how far they are read, and events that you send yourself.",
  },
  {
    id: "full.js",
    label: "Everything, under 3 KB",
    counts: "The same, and outbound links, downloads, forms, pages that are missing, tagged elements, revenue, and pages that are counted by hand or by their hash.",
  },
];

export function Scripts({ site, host, isDemo }: { site: Site; host: Host; isDemo: boolean }) {
  const [script, setScript] = useState<Script>("script.js");
  const { domain } = site;
  return (
    <section class="panel setting" id="scripts" aria-labelledby="scripts-title">
      <header>
        <h2 id="scripts-title">Scripts</h2>
        <div class="end">
          <a href={siteHref(domain, "/install")}>How the site is connected</a>
        </div>
      </header>
      <div class="body">
        <fieldset class="options">
          <legend>What the script counts</legend>
          {SCRIPTS.map(({ id, label, counts }) => (
            <label key={id}>
              <input type="radio" name="script" checked={id === script} onChange={() => setScript(id)} />
              <span>
                {label}
                <small>{counts}</small>
              </span>
            </label>
          ))}
        </fieldset>
        <Snippet code={tagFor(domain, host, isDemo, script)} mark={fileOf(host, script)} label="The script" />
        <div>
          <h3>Where scripts do not run</h3>
          <p class="hint">A pixel, in the body. It counts the page and nothing else.</p>
        </div>
        <Snippet code={pixelFor(domain, host)} label="The pixel" />
        <div>
          <h3>How quick pages are</h3>
          <p class="hint">
            A second file, beside either script: loading, response and shifting of pages, and errors of their scripts. It
            fills <a href={siteHref(domain, "/vitals")}>Performance</a> and knows no visitor.
          </p>
        </div>
        <Snippet code={tagFor(domain, host, isDemo, "vitals.js")} mark={fileOf(host, "vitals.js")} label="The script for performance" />
        <div>
          <h3>A switch for visitors</h3>
          <p class="hint">
            On the page about privacy: visitors take themselves out and in again. The choice is kept in their browser, because
            they asked for it.
          </p>
        </div>
        <Snippet code={`${OPT_OUT_PLACE}\n${optOutTagFor(host)}`} mark={fileOf(host, "opt-out.js")} label="The opt-out switch" />
      </div>
    </section>
  );
}
