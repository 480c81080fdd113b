/** By which ids the tags of other tools name this site. */
import type { Draft } from "../../state/rules";
import { siteHref } from "../frame";
import { ListEditor } from "./list-editor";
import { Section } from "./section";

export function OtherTools({ domain, draft }: { domain: string; draft: Draft }) {
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
      fields={["ids"]}
    >
      {(wrong) => (
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
      )}
    </Section>
  );
}
