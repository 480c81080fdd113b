/** All sites with the visitors of their running day; a site without any is still waiting. */
import { report, type Me, type Site } from "../state/api";
import { beat, useLoad } from "../state/load";
import { text } from "../state/metrics";
import { Bone } from "../parts/empty";
import { Frame, siteHref } from "../parts/frame";
import { Icon } from "../parts/icon";
import { Now } from "../parts/now";
import { ProxyNotice } from "../parts/notices";
import { Spark } from "../parts/spark";

function SiteRow({ site }: { site: Site }) {
  const { value, error } = useLoad(
    `today ${site.domain}`,
    (signal) => report({ site_id: site.domain, metrics: ["visitors", "pageviews"], date_range: "day" }, signal),
    beat.value,
  );
  const [visitors = null, pageviews = null] = value?.results[0]?.metrics ?? [];
  const number = (metric: string, n: number | null) => (value ? text(metric, n) : error ? "–" : <Bone width={2.5} />);
  return (
    <tr>
      <th scope="row" class="name">
        <a href={siteHref(site.domain)}>
          <span class="site-mark" aria-hidden="true">
            {site.domain[0]}
          </span>
          <span class="cut" title={site.domain}>
            {site.domain}
          </span>
          {site.threshold === 1 && <span class="badge warn only-wide">Threshold 1</span>}
        </a>
      </th>
      <td class="spark-cell wide-only">
        <Spark site={site} />
      </td>
      <td class="t wide-only">{site.timezone}</td>
      <td class="n wide-only">{number("pageviews", pageviews)}</td>
      <td class="n strong">{number("visitors", visitors)}</td>
      <td class="n">
        <Now site={site.domain} bare />
      </td>
      <td class="n wide-only">
        <a class="over-row" href={siteHref(site.domain, "/settings")}>
          Settings<span class="unseen"> of {site.domain}</span>
        </a>
      </td>
    </tr>
  );
}

export function Sites({ me }: { me: Me }) {
  return (
    <Frame title="All sites">
      <div class="page-head">
        <div>
          <h1>All sites</h1>
          <p>Each counts its own day, by its own clock.</p>
        </div>
        <div class="end">
          <a class="button primary" href="/sites/new">
            <Icon name="plus" />
            Add a site
          </a>
        </div>
      </div>
      {me.untrusted_proxy && (
        <div class="notices">
          <ProxyNotice proxy={me.untrusted_proxy} />
        </div>
      )}
      <section class="panel" aria-label="Sites">
        <div class="body">
          <table class="list sites lined plain">
            <caption>Sites with the visitors of today</caption>
            <thead>
              <tr>
                <th scope="col">Site</th>
                <th scope="col" class="wide-only">
                  Last 28 days
                </th>
                <th scope="col" class="t wide-only">
                  Time zone
                </th>
                <th scope="col" class="n wide-only">
                  Views today
                </th>
                <th scope="col" class="n">
                  Visitors today
                </th>
                <th scope="col" class="n">
                  Now
                </th>
                <th scope="col" class="n wide-only">
                  <span class="unseen">More</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {me.sites.map((site) => (
                <SiteRow key={site.domain} site={site} />
              ))}
            </tbody>
          </table>
        </div>
        <footer>
          <span>
            Visitors are counted per site. Someone who visits two sites counts in each; nobody is followed from one to
            the other.
          </span>
        </footer>
      </section>
    </Frame>
  );
}
