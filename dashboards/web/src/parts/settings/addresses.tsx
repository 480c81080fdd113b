/** What is kept of an address: query parameters, paths that become one, and a look at the outcome. */
import type { Site } from "../../state/api";
import type { Draft } from "../../state/rules";
import { ListEditor } from "./list-editor";
import { PathRules } from "./path-rules";
import { PreviewPart } from "./preview";
import { Section } from "./section";

export function Addresses({ site, draft }: { site: Site; draft: Draft }) {
  return (
    <Section
      id="addresses"
      title="Addresses"
      about="Pages are stored by their path. Ids, mail addresses and card numbers in it are replaced before anything is stored, and the query is dropped but for what you name here. Rows that are stored already do not change."
      domain={site.domain}
      draft={draft}
      fields={["query_params", "path_rules"]}
    >
      {(wrong, tell) => (
        <>
          <ListEditor
            domain={site.domain}
            draft={draft}
            field="query_params"
            label="Query parameters that are kept"
            hint="The part before the equals sign. A page then counts apart for each value, so name only those that make another page of it. Campaign marks (utm_…) have their own place and need no entry."
            wrong={wrong("query_params")}
            placeholder="id"
            none="None: /product?id=7 is stored as /product."
          />
          <PathRules domain={site.domain} draft={draft} wrong={wrong("path_rules")} />
          <PreviewPart site={site} draft={draft} tell={tell} />
        </>
      )}
    </Section>
  );
}
