/** Visits that are not counted: by page, by network, by country. */
import type { Draft } from "../../state/rules";
import { siteHref } from "../frame";
import { CountryEditor, ListEditor } from "./list-editor";
import { Section } from "./section";

export function LeaveOut({ domain, draft }: { domain: string; draft: Draft }) {
  return (
    <Section
      id="leave-out"
      title="Leave out"
      about={
        <>
          What fits one of these is not counted and not stored; only how often that happened is, by day, and you find it under{" "}
          <a href={siteHref(domain, "/filtered")}>Not counted</a>.
        </>
      }
      domain={domain}
      draft={draft}
      fields={["excluded_paths", "excluded_networks", "excluded_countries"]}
    >
      {(wrong) => (
        <>
          <ListEditor
            domain={domain}
            draft={draft}
            field="excluded_paths"
            label="Paths"
            hint="* stands for one part of a path, ** for the rest. The preview under Addresses shows which pages this leaves out."
            wrong={wrong("excluded_paths")}
            placeholder="/admin/**"
            none="Every path is counted."
          />
          <ListEditor
            domain={domain}
            draft={draft}
            field="excluded_networks"
            label="Networks"
            hint="Your office, for example: one address or a network. What you write here is kept as a setting of the site, and never with an event."
            wrong={wrong("excluded_networks")}
            placeholder="203.0.113.0/24"
            none="Every network is counted."
          />
          <CountryEditor
            domain={domain}
            draft={draft}
            field="excluded_countries"
            label="Countries"
            hint="By the country that the visitor's address is looked up to be in, before the address is forgotten."
            wrong={wrong("excluded_countries")}
            none="Every country is counted."
          />
        </>
      )}
    </Section>
  );
}
