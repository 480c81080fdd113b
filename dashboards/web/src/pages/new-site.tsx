/** Adding a site; goes on to its snippet. */
import { useState } from "preact/hooks";
import { go } from "../state/address";
import { ApiError, call } from "../state/api";
import { loadMe } from "../state/login";
import { Callout } from "../parts/empty";
import { bareDomain, browserZone } from "../parts/field";
import { Frame, siteHref } from "../parts/frame";
import { Rail, SITE_STEPS } from "../parts/rail";
import { domainTrouble, SiteFields } from "../parts/site-form";

export function NewSite() {
  const [site, setSite] = useState({ domain: "", timezone: browserZone() });
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const [busy, setBusy] = useState(false);

  const add = async (event: Event) => {
    event.preventDefault();
    const domain = bareDomain(site.domain);
    const trouble = domainTrouble(domain);
    if (trouble) return setWrong({ domain: trouble });
    setBusy(true);
    try {
      const made = await call<{ domain: string }>("/api/sites", { domain, timezone: site.timezone });
      await loadMe();
      go(siteHref(made.domain, "/install?new=1"), "replace");
    } catch (error) {
      const field = error instanceof ApiError ? (error.field ?? (error.status === 409 ? "domain" : "all")) : "all";
      setWrong({ [field]: error instanceof Error ? error.message : String(error) });
      setBusy(false);
    }
  };

  return (
    <Frame title="Add a site" narrow>
      <div class="page-head">
        <div>
          <h1>Add a site</h1>
        </div>
      </div>
      <div class="with-side">
        <Rail steps={SITE_STEPS} at={0} />
        <form class="card" onSubmit={(event) => void add(event)} noValidate aria-labelledby="step-title">
          <header>
            <h2 id="step-title">Your site</h2>
            <p>It gets a report of its own. Nobody is followed from one site to another.</p>
          </header>
          <SiteFields values={site} set={setSite} wrong={wrong} />
          {wrong.all && (
            <Callout kind="bad" title="That did not work">
              <p role="alert">{wrong.all}</p>
            </Callout>
          )}
          <div class="row-flex">
            <button type="submit" class="button primary" disabled={busy}>
              Continue
            </button>
            <a class="button plain" href="/sites">
              Cancel
            </a>
          </div>
        </form>
      </div>
    </Frame>
  );
}
