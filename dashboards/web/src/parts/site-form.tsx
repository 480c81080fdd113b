/** Domain and zone of a site; used by the set-up and by "Add a site". */
import { bareDomain, TextField, ZoneField } from "./field";

export interface SiteValues {
  domain: string;
  timezone: string;
}

interface Props {
  values: SiteValues;
  set: (values: SiteValues) => void;
  wrong: Record<string, string>;
}

export function SiteFields({ values, set, wrong }: Props) {
  return (
    <div class="form-grid">
      <TextField
        label="Domain"
        hint="The name people type. Its subdomains are counted with it."
        value={values.domain}
        set={(domain) => set({ ...values, domain })}
        wrong={wrong.domain}
        input={{
          inputMode: "url",
          autocapitalize: "none",
          spellcheck: false,
          placeholder: "example.org",
          name: "domain",
          autofocus: true,
          onBlur: () => set({ ...values, domain: bareDomain(values.domain) }),
        }}
      />
      <ZoneField value={values.timezone} set={(timezone) => set({ ...values, timezone })} wrong={wrong.timezone} />
    </div>
  );
}

/** What is wrong with a domain before the server is asked; empty when nothing is. */
export function domainTrouble(domain: string): string {
  if (!domain) return "Type the domain of your site, for example example.org.";
  if (!/^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(domain)) return "A domain has letters, digits, hyphens and dots: example.org.";
  return "";
}
