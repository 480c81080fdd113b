/** By which ids the tags of other tools name this site, and whether its counter is public. */
import { setRules, type Draft } from "../../state/rules";
import { siteHref } from "../frame";
import { ListEditor } from "./list-editor";
import { Section } from "./section";

/** What the counter is called among the things that can be public. */
const COUNTER = "counter";

export function OtherTools({ domain, draft }: { domain: string; draft: Draft }) {
  const others = draft.now.public.filter((one) => one !== COUNTER);
  const show = (on: boolean) => setRules(domain, "public", on ? [...others, COUNTER] : others);
  return (
    <Section
      id="other-tools"
      title="Other tools"
      about={
        <>
          Tags of Plausible, Umami, Google Analytics, Matomo and GoatCounter count here once their host name is changed:{" "}
          <a href={siteHref(domain, "/install#moving")}>how to move</a>. An id that is listed nowhere counts for the site of
          the page's host, so most sites need no entry.
        </>
      }
      domain={domain}
      draft={draft}
      fields={["ids", "public"]}
    >
      {(wrong) => (
        <>
          <ListEditor
            domain={domain}
            draft={draft}
            field="ids"
            label="Ids"
            hint="The tool, a colon, the id: ga4:G-ABC123, umami:UUID, matomo:1, goatcounter:code, plausible:pa-XXXX. An id names one site."
            wrong={wrong("ids")}
            placeholder="ga4:G-ABC123"
            none="No ids: the page's host decides."
          />
          <fieldset class="options">
            <legend>Counter</legend>
            <label>
              <input type="checkbox" checked={draft.now.public.includes(COUNTER)} onChange={(event) => show(event.currentTarget.checked)} />
              <span>
                Anybody may see how many visits a page has
                <small>At /counter/PATH.json, .html and .svg, as with GoatCounter; up to the last full hour.</small>
              </span>
            </label>
          </fieldset>
        </>
      )}
    </Section>
  );
}
