/** Notices above a report: what the operator has to mend, and what the numbers do not hide. */
import type { Me, Site } from "../state/api";
import { Callout } from "./empty";
import { Snippet } from "./snippet";

export function ProxyNotice({ proxy }: { proxy: string }) {
  return (
    <Callout kind="warn" title="Requests arrive through a proxy that is not trusted">
      <p>
        All visitors look like one. If <code>{proxy}</code> is your own proxy, add this to the settings and start
        headcount again:
      </p>
      <Snippet code={`trusted_proxies = ["${proxy}"]`} label="The setting to add" />
    </Callout>
  );
}

export function ThresholdNotice({ site }: { site: Site }) {
  return (
    <Callout title="Small groups are shown">
      <p>
        The threshold of {site.domain} is 1: lists show rows of a single visitor, and filters can lead to one person's
        visit. A threshold of 5 withholds them.
      </p>
    </Callout>
  );
}

export function Notices({ me, site }: { me: Me; site: Site }) {
  if (!me.untrusted_proxy && site.threshold !== 1) return null;
  return (
    <div class="notices">
      {me.untrusted_proxy && <ProxyNotice proxy={me.untrusted_proxy} />}
      {site.threshold === 1 && <ThresholdNotice site={site} />}
    </div>
  );
}
